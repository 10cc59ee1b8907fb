import { socketOf, urlsOfHosts } from '@postern/shared/runtime/database-url.ts';
import knex, { type Knex } from 'knex';
import { createConnection } from 'mysql2/promise';
import { migrationSource } from '../../schema/sql/migrations.ts';

/** How long a node waits for another that migrates. */
const TURN_DEADLINE_SECONDS = 600;

/**
 * Brings the tables of a database to the newest version. Several nodes may start at once: one works, the others wait. The
 * turn is a row lock, so a node that dies in the middle gives it back. knex's own lock is a flag that a killed process
 * leaves set, and two processes that create it at the same instant can never take it: whoever has the turn resets it.
 */
export async function migrateDatabase(url: string): Promise<void> {
  const urls = urlsOfHosts(url);
  for (const [n, each] of urls.entries()) {
    try {
      return await migrateThrough(each);
    } catch (fault) {
      // What is done through one node and what is left to do, the next one knows.
      if (n === urls.length - 1) throw fault;
    }
  }
}

async function migrateThrough(url: string): Promise<void> {
  const turn = await createConnection({ uri: url, ...socketOf(url) });
  const silent = (): void => {};
  const db = knex({
    client: 'mysql2',
    connection: { uri: url, ...socketOf(url), charset: 'utf8mb4' } as never,
    pool: { min: 0, max: 2 },
    migrations: { migrationSource },
    // The faults that matter are thrown.
    log: { warn: silent, error: silent, debug: silent, deprecate: silent },
  });
  try {
    await turn.query(
      'CREATE TABLE IF NOT EXISTS migration_turn (id TINYINT NOT NULL PRIMARY KEY, taken_at BIGINT NOT NULL) ENGINE=InnoDB',
    );
    await turn.query('INSERT IGNORE INTO migration_turn (id, taken_at) VALUES (1, 0)');
    await turn.query(`SET SESSION innodb_lock_wait_timeout = ${TURN_DEADLINE_SECONDS}`);
    await turn.query('START TRANSACTION');
    await turn.query('UPDATE migration_turn SET taken_at = ? WHERE id = 1', [Date.now()]);
    if (await hasPending(db)) {
      await db.migrate.forceFreeMigrationsLock();
      await db.migrate.latest();
    }
    await turn.query('COMMIT');
  } finally {
    await db.destroy();
    turn.destroy();
  }
}

async function hasPending(db: Knex): Promise<boolean> {
  const [, pending] = (await db.migrate.list()) as [unknown[], unknown[]];
  return pending.length > 0;
}
