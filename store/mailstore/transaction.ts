import { isRetryable, MAX_ATTEMPTS, pauseBeforeRetry } from './contention.ts';
import type { Database, SqlConnection } from './database.ts';
import { isRefusalToServe } from './database-session.ts';
import { LeasedElsewhere, waitForLease } from './leases/leased-elsewhere.ts';
import { QueuedTransaction, type Transaction } from './queued-transaction.ts';

export type { SqlQuery, Transaction } from './queued-transaction.ts';

/** COMMIT was sent and not clearly answered. IMAP answers BYE; deliveries run again by their id by themselves. */
export class CommitOutcomeUnknown extends Error {
  override readonly name = 'CommitOutcomeUnknown';
}

/** No connection could be had: nothing was done, and trying other work now would end no better. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

const MAX_ATTEMPTS_WITHOUT_SERVER = 4;

/** Whether the connection (not the statement) failed: the database is away, or it dropped us. */
export function isConnectionFault(fault: unknown): boolean {
  const { code, fatal } = fault as { code?: string; fatal?: boolean };
  return fatal === true || code === 'PROTOCOL_CONNECTION_LOST' || code === 'ECONNRESET' || code === 'EPIPE';
}

/** Codes of a connection that cannot be made. */
const NO_CONNECTION = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ER_CON_COUNT_ERROR',
  'ER_SERVER_SHUTDOWN',
]);

/** Lock wait time-out and deadlock: still there after all attempts, they are those of a cluster that stands still, or of too much at once. */
const HELD_UP = new Set([1205, 1213]);

/** Whether a fault means that the database is away, went away or is held up: later the same question may well be answered. */
export function isDatabaseAway(fault: unknown): boolean {
  for (let at: unknown = fault; at instanceof Error; at = at.cause) {
    if (at instanceof DatabaseUnavailable || isConnectionFault(at) || isRefusalToServe(at)) return true;
    if (HELD_UP.has((at as { errno?: number }).errno ?? 0)) return true;
    if (NO_CONNECTION.has((at as NodeJS.ErrnoException).code ?? '')) return true;
  }
  return false;
}

/** Ends a transaction without effect; `value` becomes the result. For expected outcomes found halfway. */
export class Abandon<T> {
  readonly value: T;
  constructor(value: T) {
    this.value = value;
  }
}

/**
 * Runs `work` between BEGIN and COMMIT, and all of it again on contention, so it must have no effect but on the
 * database. Return {@link Abandon} to roll back.
 *
 * @throws CommitOutcomeUnknown when the connection broke at COMMIT; whatever `work` throws, after ROLLBACK
 */
export async function inTransaction<T>(
  database: Database,
  work: (transaction: Transaction) => Promise<T | Abandon<T>>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const connection = await connect(database);
    const transaction = new QueuedTransaction(connection, database.writes);
    let result: T | Abandon<T>;
    try {
      result = await work(transaction);
      if (result instanceof Abandon) await transaction.rollBack();
    } catch (fault) {
      await rollBack(connection, fault);
      transaction.over(true);
      if (fault instanceof LeasedElsewhere && attempt < MAX_ATTEMPTS) {
        await waitForLease(database, fault);
        continue;
      }
      // A connection that broke before COMMIT took the transaction with it: on another one, or another host, it may go well.
      const lostItsServer = isConnectionFault(fault) || isRefusalToServe(fault);
      if (
        attempt < (lostItsServer ? MAX_ATTEMPTS_WITHOUT_SERVER : MAX_ATTEMPTS) &&
        (lostItsServer || isRetryable(fault))
      ) {
        await pauseBeforeRetry(attempt);
        continue;
      }
      throw fault;
    }
    if (result instanceof Abandon) {
      connection.release();
      transaction.over(true);
      return result.value;
    }
    try {
      await transaction.commit();
    } catch (fault) {
      // A statement that went with the COMMIT was refused, so the COMMIT was not reached.
      if (!isConnectionFault(fault) && transaction.failedBeforeCommit(fault)) {
        await rollBack(connection, fault);
        transaction.over(true);
        if (!isRetryable(fault) || attempt === MAX_ATTEMPTS) throw fault;
        await pauseBeforeRetry(attempt);
        continue;
      }
      // Galera and Group Replication certify at COMMIT and refuse it like a deadlock: nothing happened. Of any other
      // fault (connection broken or killed, server going down) nobody knows whether it came before or after the commit.
      if (!isRetryable(fault)) {
        connection.destroy();
        transaction.over(false);
        throw new CommitOutcomeUnknown('the database gave no clear answer to COMMIT', { cause: fault });
      }
      await rollBack(connection, fault);
      transaction.over(true);
      if (attempt === MAX_ATTEMPTS) throw fault;
      await pauseBeforeRetry(attempt);
      continue;
    }
    connection.release();
    transaction.over(true);
    transaction.announce();
    return result;
  }
}

/** @throws DatabaseUnavailable */
export async function connect(database: Database): Promise<SqlConnection> {
  try {
    return await database.connect();
  } catch (fault) {
    throw new DatabaseUnavailable(`no connection to the database: ${(fault as Error).message}`, { cause: fault });
  }
}

/** Explicit ROLLBACK, and the connection is given back: after 1205 InnoDB rolls back the statement alone. One in doubt is not used again. */
export async function rollBack(connection: SqlConnection, fault: unknown): Promise<void> {
  if (isConnectionFault(fault) || isRefusalToServe(fault)) {
    connection.destroy();
    return;
  }
  try {
    await connection.change('ROLLBACK');
    connection.release();
  } catch {
    // The connection broke meanwhile; the server rolls back by itself. The first fault is the one to report.
    connection.destroy();
  }
}
