import { silentLog } from '@postern/shared/runtime/log.ts';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mailstore, openMailstore } from '../../store/mailstore/mailstore.ts';
import { appendLetters, mailboxOf, NO_QUOTA, range, somebody } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

let server: TestDatabase;
let store: Mailstore;

beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
  store = await openMailstore({ url: server.url, connections: 4, log: silentLog() });
});

afterAll(async () => {
  await store?.close();
  await server?.stop();
});

/** UID and ENVELOPE of these messages; texts alone of a mailbox in memory are read as a range of emails. */
async function envelopes(mailboxId: number, uids: readonly number[], textsAlone = true): Promise<[number, string][]> {
  const found: [number, string][] = [];
  for await (const page of store.messages.fetch(mailboxId, uids, { envelope: true, textsAlone, pageSize: 400 })) {
    found.push(...page.map(({ uid, envelope }): [number, string] => [uid, String(envelope)]));
  }
  return found;
}

async function same(mailboxId: number, uids: readonly number[], count = uids.length): Promise<void> {
  const found = await envelopes(mailboxId, uids);
  expect(found).toEqual(await envelopes(mailboxId, uids, false));
  expect(found).toHaveLength(count);
  expect(new Set(found.map(([, envelope]) => envelope)).size).toBe(count);
}

describe('texts of many messages', () => {
  it('are those of each message, however the emails lie in the account', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    const sorted = await mailboxOf(store, account, 'Archive');
    await appendLetters(store, inbox, 600);
    // Out of order, and later in order with gaps that are large, then small.
    await store.messages.copy(inbox, range(301, 600), sorted, NO_QUOTA);
    await store.messages.copy(inbox, range(1, 300), sorted, NO_QUOTA);
    const views = [inbox, sorted].map((id) => store.mailboxes.open(id, { claimRecent: false }));
    await same(inbox, range(1, 600));
    await same(sorted, range(1, 600));
    await same(sorted, range(1, 200));
    await store.messages.remove(
      inbox,
      range(1, 600).filter((uid) => uid % 4 !== 0),
    );
    await same(inbox, range(1, 600), 150);
    await same(
      inbox,
      range(1, 600).filter((uid) => uid % 8 !== 0),
      75,
    );
    await appendLetters(store, inbox, 200);
    await same(inbox, range(401, 800), 250);
    for (const view of views) (await view)?.close();
  });

  it('are rendered anew where an older version wrote them, or where they are missing', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    await appendLetters(store, inbox, 200);
    const view = await store.mailboxes.open(inbox, { claimRecent: false });
    const before = await envelopes(inbox, range(1, 200));
    const connection = await createConnection(server.url);
    const which = (from: number, to: number): string =>
      `WHERE account_id = ${account.id} AND email_no BETWEEN ${from} AND ${to}`;
    await connection.query(`UPDATE email_cache SET version = 0, envelope = 'old' ${which(10, 12)}`);
    await connection.query(`DELETE FROM email_cache ${which(20, 22)}`);
    expect(await envelopes(inbox, range(1, 200))).toEqual(before);
    const [rows] = await connection.query(`SELECT COUNT(*) AS n FROM email_cache ${which(1, 200)} AND version > 0`);
    expect(rows).toEqual([{ n: 200 }]);
    await connection.end();
    view?.close();
  });
});
