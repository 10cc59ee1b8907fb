import mysql, { type Pool, type PoolConnection } from 'mysql2/promise';

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
    });
    // Statements queue behind each other on a connection, so these come before whatever the first user asks.
    this.#pool.on('connection', (connection) => {
      // The event hands out mysql2's callback connection, whatever its declared type says.
      const raw = connection as unknown as { query(sql: string, done: (error: unknown) => void): void };
      const orDestroy = (error: unknown): void => {
        if (error) connection.destroy();
      };
      raw.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', orDestroy);
      raw.query(
        `SET SESSION innodb_lock_wait_timeout = 10,
         sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'`,
        orDestroy,
      );
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
  async connect(): Promise<SqlConnection> {
    return new SqlConnection(await this.#pool.getConnection());
  }

  close(): Promise<void> {
    return this.#pool.end();
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

  /** Reads a large result row by row, without holding it whole. */
  each(sql: string, values: readonly SqlValue[], onRow: (row: Row) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const raw = this.#connection.connection as unknown as {
        execute(
          sql: string,
          values: SqlValue[],
        ): {
          on(event: string, listener: (value: never) => void): unknown;
        };
      };
      const command = raw.execute(sql, [...values]);
      command.on('result', onRow as (value: never) => void);
      command.on('error', reject as (value: never) => void);
      command.on('end', resolve as (value: never) => void);
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
  sql: SqlRunner,
  head: string,
  rows: readonly (readonly SqlValue[])[],
  tail = '',
): Promise<void> {
  let from = 0;
  while (from < rows.length) {
    let to = from;
    let bytes = 0;
    while (to < rows.length && to - from < ROWS_PER_INSERT && (to === from || bytes < BYTES_PER_INSERT)) {
      for (const value of rows[to] ?? []) bytes += typeof value === 'number' || value === null ? 8 : value.length;
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

async function run(on: Pool | PoolConnection, sql: string, values: readonly SqlValue[]): Promise<unknown> {
  const [result] =
    values.length > 0 && values.length <= MAX_PREPARED_PARAMETERS
      ? await on.execute(sql, [...values])
      : await on.query(sql, [...values]);
  return result;
}

async function runOnce(on: Pool | PoolConnection, sql: string, values: readonly SqlValue[]): Promise<unknown> {
  const [result] = await on.query(sql, [...values]);
  return result;
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
