import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Connection, createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIGRATION_COUNT } from '../../schema/sql/migrations.ts';
import { type Mailstore, openMailstore } from '../../store/mailstore/mailstore.ts';
import { migrateDatabase } from '../../store/mailstore/migrate.ts';
import { appendLetters, mailboxOf, NO_QUOTA, somebody } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

let server: TestDatabase;

beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
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

  it('hand what was kept ready of each message over to its email, also of what can come back, and again after a kill', async () => {
    const url = await server.createDatabase();
    let store = await openMailstore({ url, connections: 4, log: silentLog() });
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    await appendLetters(store, inbox, 6);
    const target = await mailboxOf(store, account, 'Archive');
    await store.messages.copy(inbox, [2, 3], target, NO_QUOTA);
    await store.messages.remove(inbox, [1, 2]);
    const before = await envelopesOf(store, inbox);
    await store.close();
    const connection = await createConnection({ uri: url, multipleStatements: true });
    await asOfVersion15(connection);
    // As if a node had been killed in the middle.
    await connection.query('DELETE FROM knex_migrations WHERE name >= ?', ['0016']);
    await connection.query(
      `CREATE TABLE email_cache LIKE kept; INSERT INTO email_cache SELECT * FROM kept WHERE email_no = 4; DROP TABLE kept`,
    );
    // Emails counted messages alone.
    await connection.query('UPDATE email SET copies = copies - 1, expunged_at = 1 WHERE email_no IN (1, 2)');
    await connection.query('UPDATE email SET expunged_at = NULL WHERE email_no = 2');
    store = await openMailstore({ url, connections: 4, log: silentLog() });
    const problems: string[] = [];
    await store.maintenance.verify({ repair: false }, ({ text }) => problems.push(text));
    expect(problems).toEqual([]);
    await store.collectGarbage(new Date());
    const [rows] = await connection.query('SELECT email_no, version > 0 AS current FROM email_cache ORDER BY email_no');
    expect(rows).toEqual([1, 2, 3, 4, 5, 6].map((email_no) => ({ email_no, current: 1 })));
    expect(await envelopesOf(store, inbox)).toEqual(before);
    const deleted = await store.maintenance.deletedMessages(account.id);
    expect(deleted.map(({ uid, envelope }) => [uid, envelope?.includes('Ann')])).toEqual([
      [2, true],
      [1, true],
    ]);
    await store.close();
    await connection.end();
  });
});

/** What stood in `message_cache` before texts were the email's; `kept` holds what stands in `email_cache`. */
async function asOfVersion15(connection: Connection): Promise<void> {
  await connection.query(
    `CREATE TABLE message_cache (mailbox_id BIGINT UNSIGNED NOT NULL, uid INT UNSIGNED NOT NULL,
       version SMALLINT UNSIGNED NOT NULL, sent_at BIGINT NULL, envelope MEDIUMBLOB NOT NULL, bodystructure MEDIUMBLOB NOT NULL,
       header_fields MEDIUMBLOB NOT NULL, sort_keys BLOB NULL, thread_hashes BLOB NOT NULL, PRIMARY KEY (mailbox_id, uid));
     RENAME TABLE email_cache TO kept`,
  );
  for (const table of ['message', 'expunged']) {
    await connection.query(
      `INSERT INTO message_cache SELECT m.mailbox_id, m.uid, c.version, c.sent_at, c.envelope, c.bodystructure, c.header_fields, NULL,
         c.thread_hashes FROM ${table} m JOIN mailbox b ON b.id = m.mailbox_id
         JOIN kept c ON c.account_id = b.owner_id AND c.email_no = m.email_no`,
    );
  }
}

async function envelopesOf(store: Mailstore, mailboxId: number): Promise<string[]> {
  const found: string[] = [];
  for await (const page of store.messages.fetch(mailboxId, [1, 2, 3, 4, 5, 6], { envelope: true, textsAlone: true })) {
    found.push(...page.map(({ uid, envelope }) => `${uid} ${envelope}`));
  }
  return found;
}
