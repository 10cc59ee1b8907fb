/** As many questions in a row, without a write of this process between them, are worth a lease. */
const ENOUGH_QUESTIONS = 8;
/** They come within so long. */
const WITHIN_MS = 10_000;
/** An account whose lease was asked back, or not to be had, is left alone for so long; longer each time it happens soon after. */
const PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 600_000;
const MAX_REMEMBERED = 10_000;

interface Questions {
  count: number;
  since: number;
}

interface Refusal {
  until: number;
  pauseMs: number;
}

/** Which accounts this process asks about so often that a lease would spare it questions, and which others write too often for that. */
export class Interest {
  readonly #questions = new Map<number, Questions>();
  readonly #refusals = new Map<number, Refusal>();

  /** One more question; whether there were enough of them, so that a lease should be taken. */
  asked(accountId: number, now = performance.now()): boolean {
    if ((this.#refusals.get(accountId)?.until ?? 0) > now) return false;
    const known = this.#questions.get(accountId);
    if (known === undefined || now - known.since > WITHIN_MS) {
      if (this.#questions.size >= MAX_REMEMBERED) this.#questions.clear();
      this.#questions.set(accountId, { count: 1, since: now });
      return false;
    }
    known.count++;
    if (known.count < ENOUGH_QUESTIONS) return false;
    this.#questions.delete(accountId);
    return true;
  }

  /** This process writes it: what it knows of the account lasts no longer than that. */
  written(accountId: number): void {
    this.#questions.delete(accountId);
  }

  /** Somebody else writes it. */
  refused(accountId: number, now = performance.now()): void {
    const before = this.#refusals.get(accountId);
    const soonAfter = before !== undefined && now < before.until + 2 * before.pauseMs;
    const pauseMs = soonAfter ? Math.min(2 * before.pauseMs, MAX_PAUSE_MS) : PAUSE_MS;
    if (this.#refusals.size >= MAX_REMEMBERED) this.#refusals.clear();
    this.#refusals.set(accountId, { until: now + pauseMs, pauseMs });
  }
}
