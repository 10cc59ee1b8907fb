import { DayClock } from '@postern/shared/runtime/day-clock.ts';
import type { SqlRunner } from './database.ts';
import type { Transaction } from './transaction.ts';

/** Milliseconds since 1970 by the database's clock; whatever the time zone of the session. */
export const DATABASE_MS = `(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)`;

/** The answer may be late by a moment; clocks that are put back by less hold nobody up. */
const NOTICED_MS = 30_000;

/** The one clock that all processes share, and the moment when it was put back. */
export class OutgoingClock {
  readonly #sql: SqlRunner;
  readonly #clock: DayClock;
  #now = Number.NaN;
  /** What has to be looked at next time, whatever the clock does; undefined: nothing is known against it. */
  #due: number | 'first' | undefined = 'first';

  constructor(sql: SqlRunner) {
    this.#sql = sql;
    const at = performance.now();
    // Until the database was asked first, its clock is taken for one that never jumped.
    this.#clock = new DayClock(
      () => (Number.isNaN(this.#now) ? performance.now() - at : this.#now),
      () => performance.now() - at,
      NOTICED_MS,
    );
  }

  /**
   * The time, and whether what waits has to be looked at: how far ahead a row may stand without having been written by a clock that was
   * wrong. Once for a new process, which cannot know what happened before it, and after each jump backwards.
   */
  async look(longestPauseMs: number): Promise<{ readonly now: number; readonly aheadMs: number | undefined }> {
    const [row] = await this.#sql.rowsOnce(`SELECT ${DATABASE_MS}`, []);
    this.#now = Number(row?.[0]);
    const putBack = this.#clock.jumpMs() < 0 && this.#due !== 'first';
    const due = this.#due === 'first' ? longestPauseMs : this.#due;
    this.#due = undefined;
    return { now: this.#now, aheadMs: putBack ? 0 : due };
  }

  /** What was said last could not be heeded: it is said again. */
  again(aheadMs: number): void {
    this.#due = aheadMs;
  }
}

/**
 * Makes due what waits for a time that a clock said before it was put back: what was never tried and has no release time of its own, pauses
 * that end further ahead than `aheadMs`, and leases of more than `leaseMs`. Whoever does it too does no harm.
 */
export async function bringForward(
  transaction: Transaction,
  now: number,
  { aheadMs, leaseMs }: { readonly aheadMs: number; readonly leaseMs: number },
): Promise<void> {
  await transaction.change(
    `UPDATE outgoing SET next_at = ? WHERE state = 'pending' AND next_at > ?
       AND (attempts > 0 AND next_at > ? OR attempts = 0 AND release_at = created_at)`,
    [now, now, now + aheadMs],
  );
  await transaction.change(
    `UPDATE outgoing SET next_at = ?, claimed_until = ? WHERE state = 'claimed' AND next_at > ?`,
    [now + leaseMs, now + leaseMs, now + leaseMs],
  );
}
