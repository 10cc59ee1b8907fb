import { isRetryable, MAX_ATTEMPTS, pauseBeforeRetry } from '../contention.ts';
import type { Database, SqlValue } from '../database.ts';

/**
 * `account.leased_to`: 0 when nobody holds the account's lease; the holder; the holder with a minus when somebody wants to write
 * and asks for it back. Every transaction that writes an account locks its row and looks at this column first.
 */

/** Takes the lease if it is free; waits for whoever has the row locked, so that no write is under way when it has it. */
export async function takeLease(database: Database, accountId: number, holder: number): Promise<boolean> {
  const { affectedRows } = await database.change('UPDATE account SET leased_to = ? WHERE id = ? AND leased_to = 0', [
    holder,
    accountId,
  ]);
  return affectedRows === 1;
}

/** Ends a lease, asked for or not; nothing if it is no longer there. */
export async function giveBackLease(database: Database, accountId: number, holder: number): Promise<void> {
  await change(database, 'UPDATE account SET leased_to = 0 WHERE id = ? AND leased_to IN (?, ?)', [
    accountId,
    holder,
    -holder,
  ]);
}

/** Accounts that rows say this holder has, and whether somebody wants each back; as of now, on every node of a cluster. */
export async function leasesOf(
  database: Database,
  holder: number,
): Promise<{ readonly accountId: number; readonly wanted: boolean }[]> {
  const rows = await database.currentRows('SELECT id, leased_to FROM account WHERE leased_to IN (?, ?)', [
    holder,
    -holder,
  ]);
  return (rows as [number, number][]).map(([accountId, leasedTo]) => ({ accountId, wanted: leasedTo < 0 }));
}

/** All leases that there are. */
export async function allLeases(
  database: Database,
): Promise<{ readonly accountId: number; readonly holder: number }[]> {
  const rows = await database.currentRows('SELECT id, leased_to FROM account WHERE leased_to <> 0');
  return (rows as [number, number][]).map(([accountId, leasedTo]) => ({ accountId, holder: Math.abs(leasedTo) }));
}

/** Asks the holder for a lease. */
export async function askForLease(database: Database, accountId: number, holder: number): Promise<void> {
  await change(database, 'UPDATE account SET leased_to = ? WHERE id = ? AND leased_to = ?', [
    -holder,
    accountId,
    holder,
  ]);
}

/** Whether this holder still has it, and the mark of who asked still stands. */
export async function isStillAsked(database: Database, accountId: number, holder: number): Promise<boolean> {
  const [row] = await database.currentRows('SELECT leased_to FROM account WHERE id = ?', [accountId]);
  return row?.[0] === -holder;
}

/** Ends the lease of a holder that was asked for it and has not answered for {@link SILENCE_MS}. */
export async function takeFromSilent(database: Database, accountId: number, holder: number): Promise<void> {
  await change(database, 'UPDATE account SET leased_to = 0 WHERE id = ? AND leased_to = ?', [accountId, -holder]);
}

/** A statement by itself, again where others got in its way. */
async function change(database: Database, sql: string, values: readonly SqlValue[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await database.change(sql, values);
      return;
    } catch (fault) {
      if (!isRetryable(fault) || attempt === MAX_ATTEMPTS) throw fault;
      await pauseBeforeRetry(attempt);
    }
  }
}
