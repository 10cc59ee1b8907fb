import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Connection, createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DELETED, NO_FLAGS } from '../../store/mailstore/flags.ts';
import { type Mailstore, openMailstore, type Problem } from '../../store/mailstore/mailstore.ts';
import { appendLetters, letter, mailboxOf, NO_QUOTA, range, somebody, someDelivery } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

let server: TestDatabase;
let store: Mailstore;
let administrator: Connection;

beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
  store = await openMailstore({ url: server.url, connections: 6, log: silentLog() });
  administrator = await createConnection(server.url);
  // Of an engine without transactions, so that a ROLLBACK does not bring the faults back.
  await administrator.query('CREATE TABLE fault (left_over INT NOT NULL) ENGINE=MyISAM');
  await administrator.query('INSERT INTO fault VALUES (0)');
});

afterEach(async () => {
  await administrator.query('DROP TRIGGER IF EXISTS failing');
});

afterAll(async () => {
  await administrator?.end();
  await store?.close();
  await server?.stop();
});

/** The next statements that insert a message under a condition fail with this number of the server's. */
async function failNext(times: number, errno: number, condition = 'TRUE'): Promise<void> {
  await administrator.query('UPDATE fault SET left_over = ?', [times]);
  await administrator.query(
    `CREATE TRIGGER failing BEFORE INSERT ON message FOR EACH ROW BEGIN
       IF ${condition} AND (SELECT left_over FROM fault) > 0 THEN
         UPDATE fault SET left_over = left_over - 1;
         SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${errno}, MESSAGE_TEXT = 'made to fail';
       END IF;
     END`,
  );
}

async function problems(): Promise<Problem[]> {
  const found: Problem[] = [];
  await store.maintenance.verify({}, (problem) => found.push(problem));
  return found;
}

describe.each([
  [1205, 'lock time-out'],
  [1213, 'deadlock'],
  [1020, 'record has changed'],
])('%i (%s)', (errno) => {
  it('in the middle of a transaction has it run whole again', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    const archive = await mailboxOf(store, account, 'Archive');
    await failNext(1, errno);
    const content = await store.contents.put(letter('One'));
    const message = { content, flags: { system: 0, keywords: ['work'] }, internalDate: new Date() };
    // What the transaction had written before (emails, keywords, numbers) must not stay behind.
    const appended = await store.messages.append(inbox, [message, message], NO_QUOTA);
    expect(appended).toMatchObject({ kind: 'appended', uids: [1, 2] });
    await administrator.query('UPDATE fault SET left_over = 1');
    expect(await store.messages.copy(inbox, [1, 2], archive, NO_QUOTA)).toMatchObject({ destinationUids: [1, 2] });
    await administrator.query('UPDATE fault SET left_over = 1');
    const delivered = await store.deliveries.deliver([await someDelivery(store, account)]);
    expect(delivered.map(({ kind }) => kind)).toEqual(['delivered']);
    expect((await store.accounts.usage(account.id)).messages).toBe(5);
    expect(await problems()).toEqual([]);
  });
});

describe('a COPY of many that fails midway', () => {
  it('leaves nothing of what it had committed before', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    const archive = await mailboxOf(store, account, 'Archive');
    await appendLetters(store, inbox, 6000, { same: true, flags: NO_FLAGS });
    const before = await store.accounts.usage(account.id);
    // In the second slice, whose first is committed; 1644 is no fault that is tried again.
    await failNext(1, 1644, `NEW.mailbox_id = ${archive} AND NEW.uid = 5500`);
    await expect(store.messages.copy(inbox, range(1, 6000), archive, NO_QUOTA)).rejects.toThrow('made to fail');
    const [status] = await store.mailboxes.status([archive]);
    expect(status).toMatchObject({ messages: 0, unseen: 0, sizeBytes: 0 });
    expect(await store.accounts.usage(account.id)).toEqual(before);
    expect(await problems()).toEqual([]);
    const again = await store.messages.copy(inbox, range(1, 10), archive, NO_QUOTA);
    expect(again.kind === 'copied' && again.destinationUids[0]).toBeGreaterThan(5000);
  });
});

describe('who removed a message', () => {
  it('is kept beside it, and check finds marks of having seen that belong to nothing', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    await appendLetters(store, inbox, 2, { flags: { system: DELETED, keywords: [] } });
    await store.messages.expunge(inbox, [1], 'ann@a.example');
    await store.messages.remove(inbox, [2]);
    const deleted = await store.maintenance.deletedMessages(account.id);
    expect(deleted.map(({ uid, expungedBy }) => [uid, expungedBy])).toEqual([
      [2, undefined],
      [1, 'ann@a.example'],
    ]);
    await administrator.query('INSERT INTO seen_by (mailbox_id, user_id, uid, seen, modseq) VALUES (?, ?, 77, 1, 1)', [
      inbox,
      account.id,
    ]);
    expect((await problems()).map(({ text }) => text)).toEqual([
      '1 marks of having seen, of messages or users that are not there',
    ]);
    await store.maintenance.verify({ repair: true }, () => undefined);
    expect(await problems()).toEqual([]);
  });
});
