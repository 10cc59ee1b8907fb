import { isRetryable } from './contention.ts';
import type { Database, Row, SqlValue } from './database.ts';
import { CommitOutcomeUnknown, connect, isConnectionFault, rollBack } from './transaction.ts';

/** The result of a procedure's SELECT, and what the server says of the CALL. */
type Called = readonly [readonly Row[], unknown];

/** The procedures, with the number of their parameters. */
const PROCEDURES = {
  append_message: 25,
  append_2_messages: 43,
  append_3_messages: 61,
  append_4_messages: 79,
  deliver_message: 31,
};
export type ProcedureName = keyof typeof PROCEDURES;

/**
 * No such procedure; no right to run it; not supported. Of one that an older version has left, and that nobody had the right to replace: other parameters, a table or a
 * column that is gone.
 */
const NOT_THERE = new Set([1305, 1370, 1235, 1318, 1146, 1054]);
/** The message of a fault of COMMIT itself (schema/sql/message-procedures.ts). */
const AT_COMMIT = 'at COMMIT';
/** Killed or too slow, wherever it was: no handler sees these. */
const INTERRUPTED = new Set([1317, 1927, 1969, 3024]);

/**
 * A procedure of schema/sql/message-procedures.ts: a whole transaction in one round trip, without text to be parsed. It is an abridgement: where it does nothing, the statements
 * have their try. Not used on Galera, where a transaction can be aborted by another node between two statements: nothing has shown yet that a
 * procedure ends there as its handler says.
 */
export class Procedure {
  readonly #database: Database;
  readonly #name: ProcedureName;
  #isThere = true;

  constructor(database: Database, name: ProcedureName) {
    this.#database = database;
    this.#name = name;
  }

  /** Whether it makes sense to try. */
  get isThere(): boolean {
    return this.#isThere && !this.#database.inGaleraCluster;
  }

  /**
   * The row that it selects last. Undefined when nothing was done.
   *
   * @param accountId that it writes
   * @throws CommitOutcomeUnknown when the answer did not come
   */
  async call(accountId: number, values: readonly SqlValue[]): Promise<Row | undefined> {
    const connection = await connect(this.#database);
    if (connection.inGaleraCluster) {
      connection.release();
      return undefined;
    }
    const { writes } = this.#database;
    writes.begin(accountId);
    let known = true;
    try {
      const [rows] = (await connection.call(this.#name, values)) as Called;
      connection.release();
      return rows[0];
    } catch (fault) {
      known = false;
      await rollBack(connection, fault);
      return this.#afterFault(fault as { readonly errno?: number; readonly sqlMessage?: string });
    } finally {
      writes.end(accountId, known);
    }
  }

  #afterFault(fault: { readonly errno?: number; readonly sqlMessage?: string }): undefined {
    if (NOT_THERE.has(fault.errno ?? 0)) {
      this.#isThere = false;
      return undefined;
    }
    const unknown = isConnectionFault(fault) || INTERRUPTED.has(fault.errno ?? 0) || fault.sqlMessage === AT_COMMIT;
    // A cluster that refuses a COMMIT like a deadlock has done nothing.
    if (unknown && !isRetryable(fault)) {
      throw new CommitOutcomeUnknown(`the database gave no clear answer to ${this.#name}`, { cause: fault });
    }
    return undefined;
  }
}

/** Procedures that are missing, or that the user of this database may not run, each with the fault that says so; none is wanted on Galera. */
export async function missingProcedures(
  database: Database,
): Promise<{ readonly procedure: ProcedureName; readonly cause: string }[]> {
  if (database.inGaleraCluster) return [];
  const missing: { procedure: ProcedureName; cause: string }[] = [];
  for (const [name, parameters] of Object.entries(PROCEDURES) as [ProcedureName, number][]) {
    try {
      // For no account: nothing is done.
      await database.rows(`CALL ${name}(${new Array(parameters).fill('NULL').join(',')})`);
    } catch (fault) {
      const { errno, message } = fault as Error & { readonly errno?: number };
      if (!NOT_THERE.has(errno ?? 0)) throw fault;
      missing.push({ procedure: name, cause: message });
    }
  }
  return missing;
}
