/** After so many a statement or transaction that others keep from succeeding is given up. */
export const MAX_ATTEMPTS = 20;

/**
 * Faults of contention, after which the whole transaction runs again: lock wait time-out (1205), deadlock (1213), record
 * changed since read (1020, MariaDB's snapshot isolation), rollback during commit (3101, Group Replication), a duplicate
 * key that a concurrent transaction made first (1062: the second run sees its row), certification (Galera reports 1213).
 */
const RETRYABLE = new Set([1205, 1213, 1020, 3101, 1062]);

/** Whether running the same transaction again can end otherwise. */
export function isRetryable(fault: unknown): boolean {
  return RETRYABLE.has((fault as { errno?: number }).errno ?? 0);
}

/** The longer, the more attempts there were; by chance, so that two do not meet again. */
export function pauseBeforeRetry(attempt: number): Promise<void> {
  return new Promise((done) => setTimeout(done, Math.random() * Math.min(200, 5 * 2 ** attempt)));
}
