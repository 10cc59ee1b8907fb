import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../database.ts';
import { askForLease, isStillAsked, takeFromSilent } from './lease-rows.ts';
import { SILENCE_MS } from './lease-times.ts';

const LOOK_EVERY_MS = 10;

/** Another process holds the lease of an account that a transaction has locked: the transaction must give the row free, and ask. */
export class LeasedElsewhere extends Error {
  override readonly name = 'LeasedElsewhere';
  readonly accountId: number;
  readonly holder: number;

  /** @param leasedTo as it stands in the row */
  constructor(accountId: number, leasedTo: number) {
    super(`another process holds the lease of account ${accountId}`);
    this.accountId = accountId;
    this.holder = Math.abs(leasedTo);
  }
}

/**
 * Asks the holder for the lease, and comes back when it gave it back, or was silent for too long to believe in it. Without the mark of this question the time of silence
 * proves nothing: whoever finds another state in the row begins anew.
 */
export async function waitForLease(database: Database, { accountId, holder }: LeasedElsewhere): Promise<void> {
  await askForLease(database, accountId, holder);
  const askedAt = performance.now();
  while (performance.now() - askedAt < SILENCE_MS) {
    if (!(await isStillAsked(database, accountId, holder))) return;
    await pause(LOOK_EVERY_MS);
  }
  await takeFromSilent(database, accountId, holder);
}
