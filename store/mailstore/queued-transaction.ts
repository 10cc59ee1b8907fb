import type { AccountWrites } from './account-writes.ts';
import {
  inlined,
  insertRows,
  octetsOf,
  type Row,
  type SqlChange,
  type SqlConnection,
  type SqlRunner,
  type SqlValue,
} from './database.ts';
import { LeasedElsewhere } from './leases/leased-elsewhere.ts';

/** Runs after COMMIT, in order: notices to watchers. */
export type AfterCommit = () => void;

export interface SqlQuery {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** Rows that are there once the transaction has been committed. */
export interface RowsOfCommit {
  rows: readonly Row[];
}

/** What happens between BEGIN and COMMIT. Statements take effect in the order in which they are given. */
export interface Transaction extends SqlRunner {
  /**
   * A statement whose result nobody needs: it travels with the next one that is awaited, at the latest with COMMIT, and its fault shows there.
   * Await it all the same: large ones go at once.
   */
  later(sql: string, values?: readonly SqlValue[]): Promise<void>;
  /** Several SELECTs in one round trip. */
  rowSets(queries: readonly SqlQuery[]): Promise<Row[][]>;
  /** Rows of a SELECT and statements that travel behind it; how many rows each of these changed. */
  rowsBefore(
    sql: string,
    statements: readonly SqlQuery[],
  ): Promise<{ readonly rows: Row[]; readonly changed: number[] }>;
  /** A SELECT that travels with COMMIT: for what is needed only when all is done. At most one. */
  rowsWithCommit(sql: string, values?: readonly SqlValue[]): RowsOfCommit;
  /** Whether it may write an account whose row it has locked, by `leased_to` of that row. */
  mayWrite(leasedTo: number): boolean;
  /**
   * It has locked this account's row and will write. Each account that it writes must be told of.
   *
   * @throws LeasedElsewhere another process must be asked first; the transaction is run again after that
   */
  writes(accountId: number, leasedTo: number): void;
  afterCommit(notice: AfterCommit): void;
}

/** Values above this go as parameters of a prepared statement: as text each octet of a blob becomes two. */
const MAX_INLINE_OCTETS = 65_536;
/** Queued text beyond this is sent: the server's max_allowed_packet is 16 MiB at least. */
const MAX_QUEUED_OCTETS = 1_048_576;

/**
 * A transaction that gathers statements, so that a small one takes few round trips: what it costs otherwise is mostly
 * waiting, and writing to the socket. BEGIN is queued too: a transaction that asks nothing costs nothing.
 */
export class QueuedTransaction implements Transaction {
  readonly #connection: SqlConnection;
  readonly #notices: AfterCommit[] = [];
  #queue: string[] = ['START TRANSACTION'];
  #queuedOctets = 0;
  #started = false;
  #lastQuery: { text: string; found: RowsOfCommit } | undefined;
  /** Statements that travelled with COMMIT, before it. */
  #beforeCommit = 0;
  readonly #writes: AccountWrites;
  readonly #accounts = new Set<number>();

  constructor(connection: SqlConnection, writes: AccountWrites) {
    this.#connection = connection;
    this.#writes = writes;
  }

  mayWrite(leasedTo: number): boolean {
    return leasedTo === 0 || Math.abs(leasedTo) === this.#writes.holder;
  }

  writes(accountId: number, leasedTo: number): void {
    if (!this.mayWrite(leasedTo)) throw new LeasedElsewhere(accountId, leasedTo);
    if (this.#accounts.has(accountId)) return;
    this.#accounts.add(accountId);
    this.#writes.begin(accountId);
  }

  /** It is over. @param known false when nobody knows whether it was committed */
  over(known: boolean): void {
    for (const accountId of this.#accounts) this.#writes.end(accountId, known);
    this.#accounts.clear();
  }

  rows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#run(sql, values, () => this.#connection.rows(sql, values)) as Promise<Row[]>;
  }

  change(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return this.#run(sql, values, () => this.#connection.change(sql, values)) as Promise<SqlChange>;
  }

  rowsOnce(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#run(sql, values, () => this.#connection.rowsOnce(sql, values)) as Promise<Row[]>;
  }

  changeOnce(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return this.#run(sql, values, () => this.#connection.changeOnce(sql, values)) as Promise<SqlChange>;
  }

  async later(sql: string, values: readonly SqlValue[] = []): Promise<void> {
    const octets = octetsOf(values);
    if (octets > MAX_INLINE_OCTETS && values.length > 0) {
      await this.change(sql, values);
      return;
    }
    const text = inlined(sql, values);
    if (this.#queuedOctets + text.length > MAX_QUEUED_OCTETS) await this.#flush();
    this.#queue.push(text);
    this.#queuedOctets += text.length;
  }

  async rowSets(queries: readonly SqlQuery[]): Promise<Row[][]> {
    if (queries.length === 0) return [];
    const texts = queries.map(({ sql, values }) => inlined(sql, values));
    const results = await this.#send(texts);
    return results.slice(-queries.length) as Row[][];
  }

  async rowsBefore(
    sql: string,
    statements: readonly SqlQuery[],
  ): Promise<{ readonly rows: Row[]; readonly changed: number[] }> {
    const results = await this.#send([sql, ...statements.map((each) => inlined(each.sql, each.values))]);
    const changes = results.splice(results.length - statements.length) as SqlChange[];
    return { rows: results.at(-1) as Row[], changed: changes.map(({ affectedRows }) => affectedRows) };
  }

  rowsWithCommit(sql: string, values: readonly SqlValue[] = []): RowsOfCommit {
    const found: RowsOfCommit = { rows: [] };
    this.#lastQuery = { text: inlined(sql, values), found };
    return found;
  }

  afterCommit(notice: AfterCommit): void {
    this.#notices.push(notice);
  }

  async commit(): Promise<void> {
    if (!this.#started && this.#queue.length === 1 && this.#lastQuery === undefined) return;
    const last = this.#lastQuery;
    this.#beforeCommit = this.#queue.length + (last === undefined ? 0 : 1);
    const results = await this.#send(last === undefined ? ['COMMIT'] : [last.text, 'COMMIT']);
    if (last !== undefined) last.found.rows = results.at(-2) as Row[];
  }

  /** Whether a fault of {@link QueuedTransaction.commit} is that of a statement which travelled before COMMIT. */
  failedBeforeCommit(fault: unknown): boolean {
    const { completed } = fault as { completed?: number };
    return completed !== undefined && completed < this.#beforeCommit;
  }

  async rollBack(): Promise<void> {
    this.#queue = [];
    if (this.#started) await this.#connection.change('ROLLBACK');
  }

  /** Runs what waits to be told after COMMIT. */
  announce(): void {
    for (const notice of this.#notices) notice();
  }

  async #run(sql: string, values: readonly SqlValue[], alone: () => Promise<unknown>): Promise<unknown> {
    if (this.#queue.length === 0) return alone();
    if (octetsOf(values) > MAX_INLINE_OCTETS) {
      await this.#flush();
      return alone();
    }
    return (await this.#send([inlined(sql, values)])).at(-1);
  }

  async #flush(): Promise<void> {
    if (this.#queue.length > 0) await this.#send([]);
  }

  #send(more: readonly string[]): Promise<(Row[] | SqlChange)[]> {
    const statements = [...this.#queue, ...more];
    this.#queue = [];
    this.#queuedOctets = 0;
    this.#started = true;
    return this.#connection.together(statements);
  }
}

/** INSERT of many rows, to be sent with what comes next: {@link Transaction.later}. */
export function insertRowsLater(
  transaction: Transaction,
  head: string,
  rows: readonly (readonly SqlValue[])[],
  tail = '',
): Promise<void> {
  const change = async (sql: string, values?: readonly SqlValue[]): Promise<SqlChange> => {
    await transaction.later(sql, values);
    return NOT_KNOWN_YET;
  };
  return insertRows({ change }, head, rows, tail);
}

const NOT_KNOWN_YET: SqlChange = { affectedRows: 0, insertId: 0 };
