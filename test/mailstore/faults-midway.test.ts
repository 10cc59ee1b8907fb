import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DELETED, NO_FLAGS, SEEN } from '../../store/mailstore/flags.ts';
import { type Mailstore, openMailstore, type Problem, type StoredAccount } from '../../store/mailstore/mailstore.ts';
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

/** The next statements that insert a message (or do what is named) under a condition fail with this number of the server's. */
async function failNext(times: number, errno: number, condition = 'TRUE', what = 'INSERT ON message'): Promise<void> {
  await administrator.query('UPDATE fault SET left_over = ?', [times]);
  await administrator.query(
    `CREATE TRIGGER failing BEFORE ${what} FOR EACH ROW BEGIN
       IF ${condition} AND (SELECT left_over FROM fault) > 0 THEN
         UPDATE fault SET left_over = left_over - 1;
         SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${errno}, MESSAGE_TEXT = 'made to fail';
       END IF;
     END`,
  );
}

/** An answer without what is another one for each account. */
function withoutIds(answer: unknown): unknown {
  const differs = ['id', 'accountId', 'ownerId', 'uidValidity', 'emailId', 'emailIds'];
  return JSON.parse(JSON.stringify(answer ?? null, (key, value) => (differs.includes(key) ? undefined : value)));
}

async function problems(): Promise<Problem[]> {
  const found: Problem[] = [];
  await store.maintenance.verify({}, (problem) => found.push(problem));
  return found;
}

/** Everything that a session changes, with the statement that fails in its middle. */
const CHANGES: Readonly<
  Record<string, { readonly fails: string; readonly run: (account: number, inbox: number) => Promise<unknown> }>
> = {
  'one APPEND': {
    fails: 'INSERT ON message',
    run: async (_, inbox) => {
      const content = await store.contents.arrived(letter('One'));
      return store.messages.append(inbox, [{ content, flags: NO_FLAGS, internalDate: new Date() }], NO_QUOTA);
    },
  },
  'STORE of a flag': {
    fails: 'UPDATE ON message',
    run: (_, inbox) => store.messages.storeFlags(inbox, [1, 2], { how: 'add', flags: { system: SEEN, keywords: [] } }),
  },
  'STORE of a new keyword': {
    fails: 'INSERT ON keyword',
    run: (_, inbox) => store.messages.storeFlags(inbox, [1], { how: 'add', flags: { system: 0, keywords: ['new'] } }),
  },
  EXPUNGE: { fails: 'INSERT ON expunged', run: (_, inbox) => store.messages.expunge(inbox) },
  'EXPUNGE, later': { fails: 'DELETE ON message', run: (_, inbox) => store.messages.expunge(inbox) },
  'UID EXPUNGE': { fails: 'UPDATE ON mailbox', run: (_, inbox) => store.messages.expunge(inbox, [3]) },
  MOVE: {
    fails: 'INSERT ON expunged',
    run: async (account, inbox) =>
      store.messages.move(inbox, [1, 2], await mailboxOf(store, { id: account } as StoredAccount, 'Archive'), NO_QUOTA),
  },
  COPY: {
    fails: 'UPDATE ON mailbox',
    run: async (account, inbox) => {
      const archive = await mailboxOf(store, { id: account } as StoredAccount, 'Archive');
      return store.messages.copy(inbox, [1, 2], archive, NO_QUOTA);
    },
  },
  CREATE: { fails: 'INSERT ON mailbox', run: (account) => store.mailboxes.create(account, 'a/b') },
  RENAME: { fails: 'UPDATE ON mailbox', run: (account) => store.mailboxes.rename(account, 'Archive', 'Kept/Here') },
  'RENAME of INBOX': { fails: 'INSERT ON message', run: (account) => store.mailboxes.rename(account, 'INBOX', 'Old') },
  DELETE: { fails: 'UPDATE ON mailbox', run: (account) => store.mailboxes.remove(account, 'Archive') },
};

describe.each([
  [1205, 'lock time-out'],
  [1213, 'deadlock'],
  [1020, 'record has changed'],
])('%i (%s)', (errno) => {
  it.each(Object.entries(CHANGES))('in the middle of %s has it run whole again', async (_, { fails, run }) => {
    const [one, other] = [await somebody(store), await somebody(store)];
    const outcomes: unknown[] = [];
    for (const account of [one, other]) {
      const inbox = await mailboxOf(store, account);
      await appendLetters(store, inbox, 4, { flags: { system: DELETED, keywords: [] } });
      await administrator.query('UPDATE fault SET left_over = 0');
      if (account === other) await failNext(1, errno, 'TRUE', fails);
      outcomes.push(withoutIds(await run(account.id, inbox)));
      const [status] = await store.mailboxes.status([inbox]);
      outcomes.push(withoutIds(status), await store.accounts.usage(account.id));
    }
    const [rows] = await administrator.query<RowDataPacket[]>('SELECT left_over FROM fault');
    expect(rows).toEqual([{ left_over: 0 }]);
    // With the fault as without it.
    expect(outcomes.slice(3)).toEqual(outcomes.slice(0, 3));
    expect(await problems()).toEqual([]);
  });

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
