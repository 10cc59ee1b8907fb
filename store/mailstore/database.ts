import mysql, { type Pool, type PoolConnection, type QueryError } from 'mysql2';

/** Values that a statement takes. */
export type SqlValue = string | number | null | Buffer;
/** A row as an array of columns (`rowsAsArray`): half the cost of objects. */
export type Row = SqlValue[];

/** Statements with this many parameters or fewer are prepared; longer ones vary too much in shape to be kept. */
const MAX_PREPARED_PARAMETERS = 96;

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

/** Whether the node of a connection belongs to a Galera cluster: asked once, when the connection is made. */
const inGaleraCluster = new WeakMap<PoolConnection, Promise<boolean>>();

/** The pool of one process. The only place of the store, beside migrations, that knows the database driver. */
export class Database implements SqlRunner {
  readonly #pool: Pool;

  constructor(url: string, connections: number) {
    this.#pool = mysql.createPool({
      uri: url,
      ...socketOf(url),
      connectionLimit: connections,
      maxIdle: connections,
      enableKeepAlive: true,
      rowsAsArray: true,
      charset: 'utf8mb4_bin',
      connectTimeout: 10_000,
      // Long runs of different statements must not fill the server's table of prepared statements.
      maxPreparedStatements: 256,
      // Round trips, not statements, are what a small transaction costs: SqlConnection.together.
      multipleStatements: true,
    });
    // Statements queue behind each other on a connection, so these come before whatever the first user asks.
    this.#pool.on('connection', (connection) => {
      const orDestroy = (error: QueryError | null): void => {
        if (error) connection.destroy();
      };
      connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', orDestroy);
      connection.query(
        `SET SESSION innodb_lock_wait_timeout = 10,
         sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'`,
        orDestroy,
      );
      const asked = new Promise<boolean>((done) => {
        connection.query("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'", (fault: QueryError | null, rows: unknown) => {
          orDestroy(fault);
          done(fault === null && (rows as string[][])[0]?.[1] === 'ON');
        });
      });
      inGaleraCluster.set(connection, asked);
    });
  }

  rows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return run(this.#pool, sql, values) as Promise<Row[]>;
  }

  change(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return run(this.#pool, sql, values) as Promise<SqlChange>;
  }

  rowsOnce(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return runOnce(this.#pool, sql, values) as Promise<Row[]>;
  }

  changeOnce(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return runOnce(this.#pool, sql, values) as Promise<SqlChange>;
  }

  /** A connection of one's own. Give it back by `release`, or end it by `destroy` when its state is not known. */
  connect(): Promise<SqlConnection> {
    return new Promise((done, fail) => {
      this.#pool.getConnection((fault, connection) => (fault ? fail(fault) : done(new SqlConnection(connection))));
    });
  }

  close(): Promise<void> {
    return new Promise((done, fail) => {
      this.#pool.end((fault) => (fault ? fail(fault) : done()));
    });
  }
}

/** A connection borrowed from the pool. */
export class SqlConnection implements SqlRunner {
  readonly #connection: PoolConnection;

  constructor(connection: PoolConnection) {
    this.#connection = connection;
  }

  rows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return run(this.#connection, sql, values) as Promise<Row[]>;
  }

  change(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return run(this.#connection, sql, values) as Promise<SqlChange>;
  }

  rowsOnce(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return runOnce(this.#connection, sql, values) as Promise<Row[]>;
  }

  changeOnce(sql: string, values: readonly SqlValue[] = []): Promise<SqlChange> {
    return runOnce(this.#connection, sql, values) as Promise<SqlChange>;
  }

  /**
   * Runs several statements, complete as text, in one round trip; the first that fails ends them. One result for each. On a Galera
   * node each goes alone: when another node's write set aborts the transaction between two statements of one text, the server
   * goes on with the next statement outside of any transaction, and half of the work would be committed.
   * A fault carries in `completed` how many had succeeded before
   * it, or had begun to return rows.
   */
  async together(statements: readonly string[]): Promise<(Row[] | SqlChange)[]> {
    if (await inGaleraCluster.get(this.#connection)) return this.#oneByOne(statements);
    return this.#inOneText(statements);
  }

  async #oneByOne(statements: readonly string[]): Promise<(Row[] | SqlChange)[]> {
    const results: (Row[] | SqlChange)[] = [];
    for (const statement of statements) {
      try {
        results.push((await runOnce(this.#connection, statement, [])) as Row[] | SqlChange);
      } catch (fault) {
        throw Object.assign(fault as Error, { sql: 'several statements', completed: results.length });
      }
    }
    return results;
  }

  #inOneText(statements: readonly string[]): Promise<(Row[] | SqlChange)[]> {
    return new Promise((done, fail) => {
      let completed = 0;
      const command = this.#connection.query(statements.join(';'), (fault: QueryError | null, results: unknown) => {
        if (fault) fail(Object.assign(withoutValues(fault, 'several statements'), { completed }));
        else done((statements.length === 1 ? [results] : results) as (Row[] | SqlChange)[]);
      });
      // Emitted once for each statement: at the end of one that returns no rows, at the beginning of rows.
      command.on('fields', () => {
        completed++;
      });
    });
  }

  /** Reads a large result row by row, without holding it whole. */
  each(sql: string, values: readonly SqlValue[], onRow: (row: Row) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const command = this.#connection.execute(sql, [...values]);
      command.on('result', (row: unknown) => onRow(row as Row));
      command.on('error', reject);
      command.on('end', resolve);
    });
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
  return values.length === 0 ? sql : mysql.format(sql, [...values]);
}

/** Octets of the values, roughly. */
export function octetsOf(values: readonly SqlValue[]): number {
  let octets = 0;
  for (const value of values) octets += typeof value === 'number' || value === null ? 8 : value.length;
  return octets;
}

function run(on: Pool | PoolConnection, sql: string, values: readonly SqlValue[]): Promise<unknown> {
  if (values.length === 0 || values.length > MAX_PREPARED_PARAMETERS) return runOnce(on, sql, values);
  // mysql2's callbacks: its promises capture a stack for every statement, which costs more than the statement.
  return new Promise((done, fail) => {
    on.execute(sql, [...values], (fault: QueryError | null, result: unknown) =>
      fault ? fail(withoutValues(fault, sql)) : done(result),
    );
  });
}

function runOnce(on: Pool | PoolConnection, sql: string, values: readonly SqlValue[]): Promise<unknown> {
  return new Promise((done, fail) => {
    on.query(sql, [...values], (fault: QueryError | null, result: unknown) =>
      fault ? fail(withoutValues(fault, sql)) : done(result),
    );
  });
}

/** The driver puts the statement into its errors, values and all: no content of a message may reach the log. */
function withoutValues(fault: QueryError, sql: string): QueryError {
  return Object.assign(fault, { sql });
}

/** Integers as a list for `IN (…)`, checked, so that they may stand in the text of a statement. */
export function integerList(numbers: ArrayLike<number>): string {
  const out: number[] = Array.from(numbers);
  for (const n of out) if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${n} is no id`);
  return out.join(',');
}

/** mysql2 does not read a socket from the URL's query. */
export function socketOf(url: string): { socketPath: string } | Record<string, never> {
  const socketPath = new URL(url).searchParams.get('socketPath');
  return socketPath === null ? {} : { socketPath };
}
