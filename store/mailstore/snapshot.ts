import type { Database, SqlConnection } from './database.ts';
import { isRefusalToServe } from './database-session.ts';
import { connect } from './transaction.ts';

/** Several reads of one instant: within READ COMMITTED each would see another. */
export async function inSnapshot<T>(database: Database, work: (connection: SqlConnection) => Promise<T>): Promise<T> {
  const connection = await begin(database);
  try {
    const result = await work(connection);
    await connection.change('COMMIT');
    connection.release();
    return result;
  } catch (fault) {
    connection.destroy();
    throw fault;
  }
}

/** Once more on the next host, if this one refuses to serve. */
async function begin(database: Database): Promise<SqlConnection> {
  for (let attempt = 1; ; attempt++) {
    const connection = await connect(database);
    try {
      await connection.together([
        'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ',
        'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY',
      ]);
      return connection;
    } catch (fault) {
      connection.destroy();
      if (attempt > 1 || !isRefusalToServe(fault)) throw fault;
    }
  }
}
