import type { PoolConnection } from 'mysql2';
import type { DatabaseLink } from './database-hosts.ts';
import { runOnce } from './statement.ts';

/** Room for what is packed into one value; MySQL's own limit is 1,024. */
const GROUP_CONCAT_OCTETS = 1_048_576;

/**
 * Prepares a new session. A node of a Galera cluster also waits until it has all that was committed on the others up to
 * now, so that who comes from another node sees nothing older than before; one that is cut off from the majority fails here.
 */
export async function setUpSession(
  connection: PoolConnection,
  link: DatabaseLink,
): Promise<{ readonly inGaleraCluster: boolean }> {
  const ask = (sql: string): Promise<unknown> => runOnce(connection, sql, []);
  try {
    // All are written at once, and answered in order.
    const [, , variables] = await Promise.all([
      ask('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'),
      ask(`SET SESSION innodb_lock_wait_timeout = 10, group_concat_max_len = ${GROUP_CONCAT_OCTETS},
           sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'`),
      ask("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'"),
    ]);
    const inGaleraCluster = (variables as string[][])[0]?.[1] === 'ON';
    if (inGaleraCluster) {
      await ask('SET SESSION wsrep_sync_wait = 1');
      await orBehind(ask('SELECT 1'));
      await ask('SET SESSION wsrep_sync_wait = 0');
    }
    link.proven();
    return { inGaleraCluster };
  } catch (fault) {
    link.fail(fault as Error);
    connection.destroy();
    throw fault;
  }
}

/**
 * Faults of a server that answers and cannot serve: a Galera node without a quorum (1047), one that only reads (1290, 1836),
 * one that is going down (1053). The statement had no effect.
 */
const REFUSALS_TO_SERVE = new Set([1047, 1053, 1290, 1836]);

/** A node that does not catch up with the others in time says so like one that waits for a lock (1205). */
class NodeBehind extends Error {
  override readonly name = 'NodeBehind';
}

export function orBehind<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((fault: { errno?: number }) => {
    throw fault.errno === 1205
      ? new NodeBehind('the node does not catch up with its cluster', { cause: fault })
      : fault;
  });
}

export function isRefusalToServe(fault: unknown): boolean {
  if (fault instanceof NodeBehind) return true;
  return REFUSALS_TO_SERVE.has((fault as { errno?: number }).errno ?? 0);
}
