import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIGRATION_COUNT } from '../../schema/sql/migrations.ts';
import { migrateDatabase } from '../../store/mailstore/migrate.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';

let server: TestDatabase;

beforeAll(async () => {
  server = await startTestDatabase();
});

afterAll(() => server?.stop());

describe('migrations', () => {
  it('run once when several nodes start at the same instant on an empty database', async () => {
    for (let round = 0; round < 5; round++) {
      const url = await server.createDatabase();
      const nodes = [1, 2, 3, 4].map(() => migrateDatabase(url));
      expect((await Promise.allSettled(nodes)).filter((n) => n.status === 'rejected')).toEqual([]);
    }
  });

  it('go on after a node was killed while it migrated', async () => {
    const url = await server.createDatabase();
    await migrateDatabase(url);
    const connection = await createConnection(url);
    // What a killed node leaves: knex's lock set, the migration not on record.
    await connection.query('UPDATE knex_migrations_lock SET is_locked = 1');
    await connection.query('DELETE FROM knex_migrations');
    await migrateDatabase(url);
    const [rows] = await connection.query('SELECT COUNT(*) AS n FROM knex_migrations');
    expect(rows).toEqual([{ n: MIGRATION_COUNT }]);
    await connection.end();
  });
});
