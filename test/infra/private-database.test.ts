import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database.stop());

async function ask(url: string, sql: string): Promise<unknown> {
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query(sql);
    return rows;
  } finally {
    await connection.end();
  }
}

test('what was committed outlives SIGKILL, and the restart is quick', async () => {
  const url = await database.createDatabase();
  await ask(url, 'CREATE TABLE letter (id INT PRIMARY KEY) ENGINE=InnoDB');
  await ask(url, 'INSERT INTO letter VALUES (7)');
  await database.kill();
  await expect(ask(url, 'SELECT 1')).rejects.toThrow();
  const start = performance.now();
  await database.start();
  expect(performance.now() - start).toBeLessThan(20_000);
  expect(await ask(url, 'SELECT id FROM letter')).toEqual([{ id: 7 }]);
});

test('commits are flushed, and reading is at READ COMMITTED', async () => {
  const rows = await ask(
    database.url,
    'SELECT @@innodb_flush_log_at_trx_commit AS flush, @@bind_address AS address, @@global.tx_isolation AS isolation',
  );
  expect(rows).toEqual([{ flush: 1, address: '127.0.0.1', isolation: 'READ-COMMITTED' }]);
});

test('nobody comes in without a password', async () => {
  for (const user of ['root', 'postern', 'nobody']) {
    const url = database.url.replace(/\/\/[^@]*@/, `//${user}@`);
    await expect(ask(url, 'SELECT 1')).rejects.toThrow(/denied|locked/i);
    const bySocket = createConnection({ socketPath: database.socketPath, user });
    await expect(bySocket).rejects.toThrow(/denied|locked/i);
  }
});
