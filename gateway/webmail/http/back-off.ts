/** Attempts that are free, for an account and from an address: people mistype, and an office has one address. */
const FREE_FOR_ACCOUNT = 3;
const FREE_FROM_ADDRESS = 20;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const FORGET_MS = 900_000;
const MAX_KEYS = 50_000;

/** Who has to wait before the next attempt to sign in. */
export interface GuessLimits {
  /** Milliseconds until the next attempt is looked at; 0 for at once. */
  waitMs(keys: readonly string[]): number | Promise<number>;
  failed(keys: readonly string[]): void;
  /** Clears the account's failures; an address keeps its own, since it may guess many accounts. */
  succeeded(key: string): void;
}

/**
 * Slows down those who guess: after some failures from an address, or for an account, attempts are refused for a time that
 * doubles. Bounded; what failed longest ago is forgotten first.
 */
export class BackOff implements GuessLimits {
  readonly #failures = new Map<string, { count: number; atMs: number }>();

  waitMs(keys: readonly string[], nowMs = Date.now()): number {
    return Math.max(0, ...keys.map((key) => this.#until(key) - nowMs));
  }

  failed(keys: readonly string[], nowMs = Date.now()): void {
    for (const key of keys) {
      const before = this.#failures.get(key);
      const count = before === undefined || nowMs - before.atMs > FORGET_MS ? 1 : before.count + 1;
      this.#failures.delete(key);
      this.#failures.set(key, { count, atMs: nowMs });
    }
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MAX_KEYS) break;
      this.#failures.delete(oldest);
    }
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }

  #until(key: string): number {
    const { count, atMs } = this.#failures.get(key) ?? { count: 0, atMs: 0 };
    const free = key.startsWith('address ') ? FREE_FROM_ADDRESS : FREE_FOR_ACCOUNT;
    if (count < free) return 0;
    return atMs + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (count - free));
  }
}
