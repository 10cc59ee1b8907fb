/** Memory that the messages of all sessions share. */
export class MemoryBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;
  readonly #waiting: { readonly bytes: number; resolve: (got: boolean) => void }[] = [];

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes octets, or answers false and takes none. */
  reserve(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Like {@link reserve}, but waits in turn until there is room, so long at most. */
  async reserveInTime(bytes: number, waitMs: number): Promise<boolean> {
    if (bytes > this.#limitBytes) return false;
    if (this.#waiting.length === 0 && this.reserve(bytes)) return true;
    return new Promise((resolve) => {
      const entry = { bytes, resolve };
      const timer = setTimeout(() => {
        const at = this.#waiting.indexOf(entry);
        if (at >= 0) this.#waiting.splice(at, 1);
        resolve(false);
        this.#serveWaiting();
      }, waitMs);
      entry.resolve = (got) => {
        clearTimeout(timer);
        resolve(got);
      };
      this.#waiting.push(entry);
    });
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#serveWaiting();
  }

  #serveWaiting(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.reserve(first.bytes); first = this.#waiting[0]) {
      this.#waiting.shift();
      first.resolve(true);
    }
  }
}
