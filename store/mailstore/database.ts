import { urlsOfHosts } from '@postern/shared/runtime/database-url.ts';
import mysql, { type Pool, type PoolConnection, type QueryError } from 'mysql2';
import { AccountWrites } from './account-writes.ts';
import { DatabaseHosts, type DatabaseLink } from './database-hosts.ts';
import { isRefusalToServe, orBehind, setUpSession } from './database-session.ts';
import { asItIs, type Row, run, runOnce, type SqlValue, withoutValues } from './statement.ts';

export type { Row, SqlValue } from './statement.ts';

/** One connection, or the pool: whatever runs a statement. */
export interface SqlRunner {
  /** Rows of a SELECT. */
  rows(sql: string, values?: readonly SqlValue[]): Promise<Row[]>;
  /** Runs a statement that changes rows; `affectedRows` counts the rows that matched. */
  change(sql: string, values?: readonly SqlValue[]): Promise<SqlChange>;
  /** The same two as plain text, not prepared: for statements that hardly come twice in the same shape. */
  rowsOnce(sql: string, values?: readonly SqlValue[]): Promise<Row[]>;
  changeOnce(sql: string, values?: readonly SqlValue[]): Promise<SqlChange>;
}

export interface SqlChange {
  readonly affectedRows: number;
  readonly insertId: number;
}

/** What is known of a connection: its way to the host, and whether that is a node of a Galera cluster. */
interface Opened {
  readonly link: DatabaseLink;
  /** Settles when the session is set up; rejects when its host cannot serve. */
  readonly ready: Promise<{ readonly inGaleraCluster: boolean }>;
  /** The same once it is set up. */
  usable?: SqlConnection;
}

/** The pool of one process. The only place of the store, beside migrations, that knows the database driver. */
export class Database implements SqlRunner {
  /** Most connections at a time. */
  readonly connections: number;
  /** Accounts that transactions of this process have locked. */
  readonly writes = new AccountWrites();
  readonly #pool: Pool;
  readonly #hosts: DatabaseHosts;
  readonly #opened = new WeakMap<PoolConnection, Opened>();
  #inGaleraCluster = false;

  /** Whether it is a Galera cluster, as far as is known: for certain once a connection was set up. */
  get inGaleraCluster(): boolean {
    return this.#inGaleraCluster;
  }

  /** @param onHostFailed told with the names of both when another host of the URL has its turn */
  constructor(url: string, connections: number, onHostFailed: (from: string, to: string) => void = () => {}) {
    this.connections = connections;
    this.#hosts = new DatabaseHosts(url, onHostFailed);
    // Each connection has a configuration of its own: that tells them apart.
    const links = new WeakMap<object, DatabaseLink>();
    this.#pool = mysql.createPool({
      uri: urlsOfHosts(url)[0] as string,
      stream: ({ config }: { readonly config: object }) => {
        const link = this.#hosts.open();
        links.set(config, link);
        return link.socket;
      },
      connectionLimit: connections,
      maxIdle: connections,
      rowsAsArray: true,
      charset: 'utf8mb4_bin',
      connectTimeout: 5_000,
      // Long runs of different statements must not fill the server's table of prepared statements.
      maxPreparedStatements: 256,
      // Round trips, not statements, are what a small transaction costs: SqlConnection.together.
      multipleStatements: true,
    });
    this.#pool.on('connection', (connection) => {
      const link = links.get(connection.config) as DatabaseLink;
      const ready = setUpSession(connection, link);
      ready.then(
        ({ inGaleraCluster }) => {
          this.#inGaleraCluster = inGaleraCluster;
        },
        // Who asked for the connection hears of it.
        () => undefined,
      );
      this.#opened.set(connection, { link, ready });
    });
  }

  rows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#alone((connection) => connection.rows(sql, values));
  }

  change(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return this.#alone((connection) => connection.change(sql, values));
  }

  /** Rows of a SELECT that sees all that was committed before, on whatever node of a cluster: who was told a number elsewhere finds none below it. */
  currentRows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#alone((connection) => connection.currentRows(sql, values));
  }

  rowsOnce(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#alone((connection) => connection.rowsOnce(sql, values));
  }

  changeOnce(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return this.#alone((connection) => connection.changeOnce(sql, values));
  }

  /** Several statements in one round trip, as {@link SqlConnection.together}; they are no transaction. */
  together(statements: readonly string[]): Promise<(Row[] | SqlChange)[]> {
    return this.#alone((connection) => connection.together(statements));
  }

  /** A connection of one's own. Give it back by `release`, or end it by `destroy` when its state is not known. */
  async connect(): Promise<SqlConnection> {
    for (let tried = 1; ; tried++) {
      try {
        const connection = await this.#borrow();
        const opened = this.#opened.get(connection) as Opened;
        const { link, ready } = opened;
        opened.usable ??= new SqlConnection(connection, link, (await ready).inGaleraCluster);
        return opened.usable;
      } catch (fault) {
        if (tried >= this.#hosts.count) throw fault;
      }
    }
  }

  /** One statement on whatever connection is free. This is what each short command waits for: no more promises than it takes. */
  #alone<T>(statement: (connection: SqlConnection) => Promise<T>): Promise<T> {
    return new Promise((done, fail) => {
      this.#pool.getConnection((fault, borrowed) => {
        const connection = fault ? undefined : this.#opened.get(borrowed)?.usable;
        if (connection === undefined) {
          if (!fault) borrowed.release();
          this.#onSomeHost(statement, 1).then(done, fail);
          return;
        }
        statement(connection).then(
          (value) => {
            connection.release();
            done(value);
          },
          (refused) => {
            connection.release();
            if (isRefusalToServe(refused) && this.#hosts.count > 1) this.#onSomeHost(statement, 2).then(done, fail);
            else fail(refused);
          },
        );
      });
    });
  }

  /** The same with all tries: on a connection that has to be opened or set up first; once more on the next host if this one refused it. */
  async #onSomeHost<T>(statement: (connection: SqlConnection) => Promise<T>, first: number): Promise<T> {
    for (let tried = first; ; tried++) {
      const connection = await this.connect();
      try {
        return await statement(connection);
      } catch (fault) {
        if (!isRefusalToServe(fault) || tried >= this.#hosts.count) throw fault;
      } finally {
        connection.release();
      }
    }
  }

  #borrow(): Promise<PoolConnection> {
    return new Promise((done, fail) => {
      this.#pool.getConnection((fault, connection) => (fault ? fail(fault) : done(connection)));
    });
  }

  close(): Promise<void> {
    this.#hosts.close();
    return new Promise((done, fail) => {
      this.#pool.end((fault) => (fault ? fail(fault) : done()));
    });
  }
}

/** A connection borrowed from the pool. */
export class SqlConnection implements SqlRunner {
  readonly #connection: PoolConnection;
  readonly #link: DatabaseLink;
  readonly #inGaleraCluster: boolean;

  get inGaleraCluster(): boolean {
    return this.#inGaleraCluster;
  }

  constructor(connection: PoolConnection, link: DatabaseLink, inGaleraCluster: boolean) {
    this.#connection = connection;
    this.#link = link;
    this.#inGaleraCluster = inGaleraCluster;
  }

  rows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#waited(run(this.#connection, sql, values)) as Promise<Row[]>;
  }

  /** As {@link Database.currentRows}: a node of a Galera cluster first takes in what the others have committed. */
  currentRows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    if (!this.#inGaleraCluster) return this.rows(sql, values);
    const statement = `SET STATEMENT wsrep_sync_wait = 1 FOR ${sql}`;
    return this.#waited(orBehind(runOnce(this.#connection, statement, [...values]))) as Promise<Row[]>;
  }

  change(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return this.#waited(run(this.#connection, sql, values)) as Promise<SqlChange>;
  }

  rowsOnce(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#waited(runOnce(this.#connection, sql, values)) as Promise<Row[]>;
  }

  changeOnce(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return this.#waited(runOnce(this.#connection, sql, values)) as Promise<SqlChange>;
  }

  /** Calls a procedure that selects: its rows, and what the server says of the call. */
  call(procedure: string, values: readonly SqlValue[]): Promise<unknown> {
    return this.#waited(run(this.#connection, `CALL ${procedure}(${placeholders(values.length)})`, values));
  }

  /**
   * Runs several statements, complete as text, in one round trip; the first that fails ends them. One result for each. On a Galera
   * node each goes alone: when another node's write set aborts the transaction between two statements of one text, the server
   * goes on with the next statement outside of any transaction, and half of the work would be committed.
   * A fault carries in `completed` how many had succeeded before
   * it, or had begun to return rows.
   */
  together(statements: readonly string[]): Promise<(Row[] | SqlChange)[]> {
    return this.#inGaleraCluster ? this.#oneByOne(statements) : this.#waited(this.#inOneText(statements));
  }

  async #oneByOne(statements: readonly string[]): Promise<(Row[] | SqlChange)[]> {
    const results: (Row[] | SqlChange)[] = [];
    for (const statement of statements) {
      try {
        results.push((await this.#waited(runOnce(this.#connection, statement, []))) as Row[] | SqlChange);
      } catch (fault) {
        throw Object.assign(fault as Error, { sql: 'several statements', completed: results.length });
      }
    }
    return results;
  }

  #inOneText(statements: readonly string[]): Promise<(Row[] | SqlChange)[]> {
    return new Promise((done, fail) => {
      let completed = 0;
      const command = this.#connection.query(
        asItIs(statements.join(';')),
        (fault: QueryError | null, results: unknown) => {
          if (fault) fail(Object.assign(withoutValues(fault, 'several statements'), { completed }));
          else done((statements.length === 1 ? [results] : results) as (Row[] | SqlChange)[]);
        },
      );
      // Emitted once for each statement: at the end of one that returns no rows, at the beginning of rows.
      command.on('fields', () => {
        completed++;
      });
    });
  }

  /** Reads a large result row by row, without holding it whole. */
  each(sql: string, values: readonly SqlValue[], onRow: (row: Row) => void): Promise<void> {
    const { socket } = this.#link;
    let lost: (() => void) | undefined;
    const read = new Promise<void>((resolve, reject) => {
      // The driver tells a command without a callback nothing of the end of its connection.
      lost = () => reject(Object.assign(new Error('the connection broke'), { code: 'PROTOCOL_CONNECTION_LOST' }));
      socket.once('close', lost);
      const command = this.#connection.execute(sql, [...values]);
      command.on('result', (row: unknown) => onRow(row as Row));
      command.on('error', reject);
      command.on('end', resolve);
    });
    return this.#waited(read.finally(() => lost && socket.off('close', lost)));
  }

  /** While it waits, the host is watched; a host that refuses to serve is left. */
  #waited<T>(answer: Promise<T>): Promise<T> {
    const link = this.#link;
    link.asked();
    return answer.then(
      (value) => {
        link.answered();
        return value;
      },
      (fault) => {
        link.answered();
        if (isRefusalToServe(fault)) link.fail(fault as Error);
        throw fault;
      },
    );
  }

  release(): void {
    this.#connection.release();
  }

  destroy(): void {
    this.#connection.destroy();
  }
}

/** Rows per statement of a multi-row INSERT: some hundred keep the packet small and the parser quick. */
const ROWS_PER_INSERT = 200;
const BYTES_PER_INSERT = 1_000_000;

/** INSERT of many rows in as few statements as their size allows. `head` is `INSERT INTO t (a, b)`. */
export async function insertRows(
  sql: Pick<SqlRunner, 'change'>,
  head: string,
  rows: readonly (readonly SqlValue[])[],
  tail = '',
): Promise<void> {
  let from = 0;
  while (from < rows.length) {
    let to = from;
    let bytes = 0;
    while (to < rows.length && to - from < ROWS_PER_INSERT && (to === from || bytes < BYTES_PER_INSERT)) {
      bytes += octetsOf(rows[to] ?? []);
      to++;
    }
    const some = rows.slice(from, to);
    const tuples = some.map((row) => `(${placeholders(row.length)})`).join(',');
    await sql.change(`${head} VALUES ${tuples} ${tail}`, some.flat());
    from = to;
  }
}

/** `?,?,?` */
export function placeholders(count: number): string {
  return new Array(count).fill('?').join(',');
}

/** The statement as text, each value escaped as a literal. */
export function inlined(sql: string, values: readonly SqlValue[]): string {
  if (values.length === 0) return sql;
  const pieces = sql.split('?');
  // A question mark in a literal or a comment: the driver knows which are places of values, but looks at each sign.
  if (pieces.length !== values.length + 1) return mysql.format(sql, [...values]);
  let text = pieces[0] as string;
  for (const [i, value] of values.entries()) text += literal(value) + (pieces[i + 1] as string);
  return text;
}

function literal(value: SqlValue): string {
  if (typeof value === 'number') return String(value);
  if (value === null) return 'NULL';
  return typeof value === 'string' ? mysql.escape(value) : `X'${value.toString('hex')}'`;
}

/** Octets of the values, roughly. */
export function octetsOf(values: readonly SqlValue[]): number {
  let octets = 0;
  for (const value of values) octets += typeof value === 'number' || value === null ? 8 : value.length;
  return octets;
}

/** Integers as a list for `IN (…)`, checked, so that they may stand in the text of a statement. */
export function integerList(numbers: ArrayLike<number>): string {
  const out: number[] = Array.from(numbers);
  for (const n of out) if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${n} is no id`);
  return out.join(',');
}
