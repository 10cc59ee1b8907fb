import { type FileHandle, open, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { FolderSync } from './folder-sync.ts';

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
    const handle = await this.#place(path, pieces, 'unsynced');
    try {
      await all([handle.sync(), folder.sync()]);
    } catch (error) {
      // Not durable, so not promised: the peer will send it again, and nothing may remain to be delivered beside that.
      await rm(path, { force: true });
      throw error;
    } finally {
      // Nobody waits for it: whether the octets are on the disk, the sync has said.
      handle.close().catch(() => undefined);
    }
  }

  /** A file in the place of another one: at any instant a power cut leaves one of them, whole. */
  async replace(path: string, folder: FolderSync, pieces: readonly Buffer[]): Promise<void> {
    const handle = await this.#place(path, pieces, 'synced');
    await all([folder.sync(), handle.close()]);
  }

  /** The same, and nothing promised. */
  async write(path: string, text: string): Promise<void> {
    const temporary = this.#temporary(path);
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  }

  /** Gives the file open, to be synced or closed. */
  async #place(path: string, pieces: readonly Buffer[], renamed: 'synced' | 'unsynced'): Promise<FileHandle> {
    const temporary = this.#temporary(path);
    let handle: FileHandle | undefined;
    try {
      handle = await open(temporary, 'wx', 0o600);
      await writeAll(handle, pieces);
      if (renamed === 'synced') await handle.sync();
      await rename(temporary, path);
      return handle;
    } catch (error) {
      await rm(temporary, { force: true });
      await handle?.close();
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
    handle = await open(path);
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
async function writeAll(handle: FileHandle, pieces: readonly Buffer[]): Promise<void> {
  const { bytesWritten } = await handle.writev([...pieces]);
  let rest = bytesWritten;
  for (const piece of pieces) {
    if (rest < piece.length) await handle.appendFile(piece.subarray(rest));
    rest = Math.max(0, rest - piece.length);
  }
}
