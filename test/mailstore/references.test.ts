import { silentLog } from '@postern/shared/runtime/log.ts';
import fc from 'fast-check';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DELETED } from '../../store/mailstore/flags.ts';
import { type Mailstore, openMailstore, type StoredAccount } from '../../store/mailstore/mailstore.ts';
import { appendLetters, NO_QUOTA, range, somebody } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';

let server: TestDatabase;
let store: Mailstore;

beforeAll(async () => {
  server = await startTestDatabase();
  store = await openMailstore({ url: server.url, connections: 6, log: silentLog() });
});

afterAll(async () => {
  await store?.close();
  await server?.stop();
});

const NAMES = ['INBOX', 'Archive', 'Work'] as const;
const MONTHS_MS = 100 * 86_400_000;

const step = fc.record({
  what: fc.constantFrom('append', 'copy', 'move', 'remove', 'expunge', 'undelete', 'delete', 'bring back', 'collect'),
  from: fc.constantFrom(...NAMES),
  to: fc.constantFrom(...NAMES),
  uids: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
});

async function problems(): Promise<string[]> {
  const found: string[] = [];
  await store.maintenance.verify({ repair: false, bodies: true }, ({ text }) => found.push(text));
  return found;
}

async function perform(account: StoredAccount, given: typeof step extends fc.Arbitrary<infer T> ? T : never) {
  const { what, from, to } = given;
  const uids = [...given.uids].sort((a, b) => a - b);
  if (what === 'collect') return store.collectGarbage(new Date(Date.now() + MONTHS_MS));
  if (what === 'undelete') {
    const deleted = await store.maintenance.deletedMessages(account.id);
    return store.maintenance.restoreMessages(account.id, deleted.slice(0, 3));
  }
  if (what === 'bring back') {
    const [deleted] = await store.maintenance.deletedMailboxes(account.id);
    return deleted && store.maintenance.restoreMailbox(account.id, deleted.id);
  }
  if (what === 'delete') return from === 'INBOX' ? undefined : store.mailboxes.remove(account.id, from);
  for (const name of NAMES) await store.mailboxes.create(account.id, name);
  const source = (await store.mailboxes.find(account.id, from))?.id ?? 0;
  const target = (await store.mailboxes.find(account.id, to))?.id ?? 0;
  if (what === 'append') return appendLetters(store, source, 2);
  if (what === 'copy') return store.messages.copy(source, uids, target, NO_QUOTA);
  if (what === 'move') return store.messages.move(source, uids, target, NO_QUOTA);
  if (what === 'remove') return store.messages.remove(source, uids);
  await store.messages.storeFlags(source, uids, { how: 'add', flags: { system: DELETED, keywords: [] } });
  return store.messages.expunge(source);
}

describe('an email', () => {
  it('is kept as long as a message or what is kept of one names it, whatever happens, and no longer', {
    timeout: 120_000,
  }, async () => {
    const connection = await createConnection(server.url);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 20 }), async (plan) => {
        const account = await somebody(store);
        const inbox = (await store.mailboxes.find(account.id, 'INBOX'))?.id ?? 0;
        await appendLetters(store, inbox, 5);
        for (const each of plan) await perform(account, each);
        expect(await problems()).toEqual([]);
        for (const { envelope } of await store.maintenance.deletedMessages(account.id)) expect(envelope).toBeDefined();
        await store.collectGarbage(new Date(Date.now() + MONTHS_MS));
        expect(await problems()).toEqual([]);
        const live = new Set<string>();
        for (const { id } of await store.mailboxes.list(account.id)) {
          for await (const page of store.messages.fetch(id, range(1, 99), { body: true, envelope: true })) {
            for (const message of page) {
              expect(message.body?.includes('Hello.')).toBe(true);
              live.add(message.emailId);
            }
          }
        }
        const [rows] = await connection.query(
          `SELECT CONCAT('E', email_no) AS id FROM email WHERE account_id = ${account.id}`,
        );
        expect((rows as { id: string }[]).map(({ id }) => id).sort()).toEqual([...live].sort());
      }),
      { numRuns: process.env.POSTERN_TEST_FULL === '1' ? 60 : 15 },
    );
    await connection.end();
  });
});
