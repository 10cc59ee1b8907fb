import type { PoolConnection, QueryError } from 'mysql2';

/** Values that a statement takes. */
export type SqlValue = string | number | null | Buffer;
/** A row as an array of columns (`rowsAsArray`): half the cost of objects. */
export type Row = SqlValue[];

/** Statements with this many parameters or fewer are prepared; longer ones vary too much in shape to be kept. */
const MAX_PREPARED_PARAMETERS = 96;

/** Runs a statement, prepared where it has few parameters; mysql2's own result. */
export function run(on: PoolConnection, sql: string, values: readonly SqlValue[]): Promise<unknown> {
  if (values.length === 0 || values.length > MAX_PREPARED_PARAMETERS) return runOnce(on, sql, values);
  // mysql2's callbacks: its promises capture a stack for every statement, which costs more than the statement.
  return new Promise((done, fail) => {
    on.execute(sql, [...values], (fault: QueryError | null, result: unknown) =>
      fault ? fail(withoutValues(fault, sql)) : done(result),
    );
  });
}

/** Runs a statement as text. */
export function runOnce(on: PoolConnection, sql: string, values: readonly SqlValue[]): Promise<unknown> {
  return new Promise((done, fail) => {
    const question = values.length === 0 ? asItIs(sql) : { sql, values: [...values] };
    on.query(question, (fault: QueryError | null, result: unknown) =>
      fault ? fail(withoutValues(fault, sql)) : done(result),
    );
  });
}

/** A statement without places for values: the driver looks for some in every sign of it, bodies and all, unless it is told that there are none. */
export function asItIs(sql: string): { readonly sql: string; readonly values: null } {
  return { sql, values: null };
}

/** The driver puts the statement into its errors, values and all: no content of a message may reach the log. */
export function withoutValues(fault: QueryError, sql: string): QueryError {
  return Object.assign(fault, { sql });
}
