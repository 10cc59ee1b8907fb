/** Failures that are free of delay: people mistype. */
const FREE_FAILURES = 3;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
const FORGET_MS = 900_000;
const MAX_KEYS = 20_000;

/**
 * Slows down those who guess passwords: each failure from an address, or for an account, doubles the pause before the
 * next answer. Never refuses, so that nobody can lock another one out. Bounded; the oldest entries are forgotten.
 */
export class LoginThrottle {
  readonly #failures = new Map<string, { count: number; atMs: number }>();

  /** Milliseconds to wait before the answer to the next attempt. */
  delayMs(keys: readonly string[], nowMs = Date.now()): number {
    const worst = Math.max(0, ...keys.map((key) => this.#count(key, nowMs)));
    return worst < FREE_FAILURES ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (worst - FREE_FAILURES));
  }

  failed(keys: readonly string[], nowMs = Date.now()): void {
    for (const key of keys) {
      const count = this.#count(key, nowMs) + 1;
      this.#failures.delete(key);
      this.#failures.set(key, { count, atMs: nowMs });
    }
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MAX_KEYS) break;
      this.#failures.delete(oldest);
    }
  }

  /** A success clears the account's failures; an address keeps its own, since it may guess many accounts. */
  succeeded(key: string): void {
    this.#failures.delete(key);
  }

  #count(key: string, nowMs: number): number {
    const entry = this.#failures.get(key);
    return entry === undefined || nowMs - entry.atMs > FORGET_MS ? 0 : entry.count;
  }
}
