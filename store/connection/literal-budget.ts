/** Literals below this are part of a session's own allowance. */
const FREE_BYTES = 65_536;

/**
 * Memory that all sessions of the process share for the literals of APPEND. A session that finds it used up is not
 * asked to continue (or not read from) until others are done; one that holds a part already always gets the rest of its
 * command, so that no two sessions wait for each other.
 */
export class LiteralBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;
  readonly #waiting: { readonly bytes: number; readonly grant: () => void }[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Waits until there is room. Returns how much has to be given back. */
  async take(bytes: number, held: number): Promise<number> {
    if (bytes <= FREE_BYTES) return 0;
    if (held === 0 && this.#usedBytes > 0 && this.#usedBytes + bytes > this.#maxBytes) {
      await new Promise<void>((grant) => this.#waiting.push({ bytes, grant }));
    } else {
      this.#usedBytes += bytes;
    }
    return bytes;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#usedBytes > 0 && this.#usedBytes + next.bytes > this.#maxBytes) return;
      this.#waiting.shift();
      this.#usedBytes += next.bytes;
      next.grant();
    }
  }
}
