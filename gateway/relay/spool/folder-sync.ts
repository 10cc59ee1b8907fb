import type { FileHandle } from 'node:fs/promises';

/** Longest that what may wait waits for another's sync. */
const SOON_MS = 10;

/**
 * Makes what happened in a folder durable, once for all who ask at a time: a sync that runs may have begun too early, so whoever comes
 * meanwhile shares the next one. The system tells a failure once; so it is everybody's who asked until it was told.
 */
export class FolderSync {
  readonly #folder: FileHandle;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failed: unknown;

  constructor(folder: FileHandle) {
    this.#folder = folder;
  }

  /** Resolves when all that happened before the call is durable. Rejects when the disk says that it is not. */
  sync(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#startNext(),
      (error: unknown) => {
        this.#next = undefined;
        throw error;
      },
    );
    return this.#next;
  }

  /** The same a little later, together with others: for what nobody is promised. A failure is the next one's who asks. */
  syncSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.sync().catch((error: unknown) => {
        this.#failed = error;
      });
    }, SOON_MS);
  }

  async close(): Promise<void> {
    if (this.#timer !== undefined) await this.sync();
    await this.#running;
    await this.#folder.close();
  }

  #startNext(): Promise<void> {
    this.#next = undefined;
    return this.#start();
  }

  async #begin(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#folder.sync();
    const failed = this.#failed;
    this.#failed = undefined;
    if (failed !== undefined) throw failed;
  }

  #start(): Promise<void> {
    const running = this.#begin().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
