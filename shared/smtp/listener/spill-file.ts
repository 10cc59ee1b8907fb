import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Octets of one message that is too large to be kept in memory while it comes in. The file has no name from the moment
 * it is open: nothing of it is left when the process ends, however that happens, so that no mail rests here.
 */
export class SpillFile {
  readonly #opened: Promise<FileHandle>;
  #last: Promise<void>;
  #writtenBytes = 0;
  #writingBytes = 0;

  constructor(folder: string) {
    this.#opened = openNameless(folder);
    this.#last = this.#opened.then(() => undefined);
    // Told by `append` and `settled`; a fault that comes while nobody waits is no unhandled one.
    this.#last.catch(() => undefined);
  }

  /** Octets that were given and are not yet written. */
  get writingBytes(): number {
    return this.#writingBytes;
  }

  /** Adds to the end. Rejects when this or an earlier write failed. */
  append(pieces: readonly Buffer[]): Promise<void> {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#writingBytes += bytes;
    this.#last = this.#last
      .then(async () => {
        const file = await this.#opened;
        const { bytesWritten } = await file.writev([...pieces], this.#writtenBytes);
        if (bytesWritten !== bytes) throw new Error(`only ${bytesWritten} of ${bytes} octets were written`);
        this.#writtenBytes += bytes;
      })
      .finally(() => {
        this.#writingBytes -= bytes;
      });
    this.#last.catch(() => undefined);
    return this.#last;
  }

  /** Waits for the writes that are under way; what failed was told by {@link append}. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#last]);
  }

  /** Reads everything into the beginning of `target`; resolves with the number of octets. */
  async readInto(target: Buffer): Promise<number> {
    const file = await this.#opened;
    for (let at = 0; at < this.#writtenBytes; ) {
      const { bytesRead } = await file.read(target, at, this.#writtenBytes - at, at);
      if (bytesRead === 0) throw new Error('the file of a large message is shorter than what was written');
      at += bytesRead;
    }
    return this.#writtenBytes;
  }

  async close(): Promise<void> {
    await this.settled();
    const [file] = await Promise.allSettled([this.#opened]);
    if (file.status === 'fulfilled') await file.value.close();
  }
}

async function openNameless(folder: string): Promise<FileHandle> {
  const path = join(folder, `incoming-${process.pid}-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await rm(path);
  return file;
}
