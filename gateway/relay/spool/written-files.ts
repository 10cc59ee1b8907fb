import { closeSync, fsync, open, rename, writev } from 'node:fs';
import { type FileHandle, open as openHandle, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { FolderSync } from './folder-sync.ts';

// Plain descriptors: a message has several of these calls one after the other, and a FileHandle costs more than some of them.
const opened = promisify(open);
const written = promisify(writev);
const synced = promisify(fsync);
const renamed = promisify(rename);

/**
 * Files that are written aside and renamed into their places, so that nobody ever sees a part of one as long as the machine runs. What a
 * power cut leaves is said at each way to write.
 */
export class WrittenFiles {
  readonly #aside: string;
  #count = 0;

  /** @param aside folder on the same file system; what lies there after a crash belongs to nobody */
  constructor(aside: string) {
    this.#aside = aside;
  }

  /**
   * A new file, durable when the promise resolves. A power cut before that may leave a part of it under its name: whoever reads it must be
   * able to tell. Octets and name become durable together, which is one commit of a journalling file system instead of two in a row.
   * Rejects with nothing left in place.
   */
  async create(path: string, folder: FolderSync, pieces: readonly Buffer[]): Promise<void> {
    const file = await this.#place(path, pieces, 'unsynced');
    try {
      await all([synced(file), folder.sync()]);
    } catch (error) {
      // Not durable, so not promised: the peer will send it again, and nothing may remain to be delivered beside that.
      await rm(path, { force: true });
      throw error;
    } finally {
      // There is nothing left to be written that this could wait for.
      closeSync(file);
    }
  }

  /** A file in the place of another one: at any instant a power cut leaves one of them, whole. */
  async replace(path: string, folder: FolderSync, pieces: readonly Buffer[]): Promise<void> {
    closeSync(await this.#place(path, pieces, 'synced'));
    await folder.sync();
  }

  /** The same, and nothing promised. */
  async write(path: string, text: string): Promise<void> {
    const temporary = this.#temporary(path);
    await writeFile(temporary, text, { mode: 0o600 });
    await renamed(temporary, path);
  }

  /** Gives the open file, to be synced or closed. */
  async #place(path: string, pieces: readonly Buffer[], when: 'synced' | 'unsynced'): Promise<number> {
    const temporary = this.#temporary(path);
    let file: number | undefined;
    try {
      file = await opened(temporary, 'wx', 0o600);
      await writeAll(file, pieces);
      if (when === 'synced') await synced(file);
      await renamed(temporary, path);
      return file;
    } catch (error) {
      await rm(temporary, { force: true });
      if (file !== undefined) closeSync(file);
      throw error;
    }
  }

  #temporary(path: string): string {
    return join(this.#aside, `${process.pid}-${this.#count++}-${basename(path)}`);
  }
}

/** Makes a file and its name durable, whoever wrote it; false when it is not there. */
export async function syncIfThere(path: string, folder: FolderSync): Promise<boolean> {
  let handle: FileHandle;
  try {
    handle = await openHandle(path);
  } catch (error) {
    if (isNotThere(error)) return false;
    throw error;
  }
  try {
    await all([handle.sync(), folder.sync()]);
    return true;
  } finally {
    await handle.close();
  }
}

/** Undefined when it is not there. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** False when it was not there. */
export async function unlinkIfThere(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (isNotThere(error)) return false;
    throw error;
  }
}

export function isNotThere(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Waits for all of them, whatever becomes of one; rejects with the first failure. */
async function all(works: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** By one system call, where the system takes it all. */
async function writeAll(file: number, pieces: readonly Buffer[]): Promise<void> {
  let left = pieces.filter(({ length }) => length > 0);
  while (left.length > 0) {
    let { bytesWritten } = await written(file, left);
    left = left.flatMap((piece) => {
      const skipped = Math.min(bytesWritten, piece.length);
      bytesWritten -= skipped;
      return skipped === piece.length ? [] : [piece.subarray(skipped)];
    });
  }
}
