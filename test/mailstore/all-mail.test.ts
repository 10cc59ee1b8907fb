import { silentLog } from '@postern/shared/runtime/log.ts';
import fc from 'fast-check';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DELETED, FLAGGED, NO_FLAGS, SEEN } from '../../store/mailstore/flags.ts';
import {
  type Mailstore,
  openMailstore,
  type SelectedMailbox,
  type StoredAccount,
} from '../../store/mailstore/mailstore.ts';
import { appendLetters, mailboxOf, NO_QUOTA, range, somebody } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

let server: TestDatabase;
/** Two nodes on one database. */
let store: Mailstore;
let other: Mailstore;

beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
  store = await openMailstore({ url: server.url, connections: 6, log: silentLog() });
  other = await openMailstore({ url: server.url, connections: 4, log: silentLog() });
});

afterAll(async () => {
  await store?.close();
  await other?.close();
  await server?.stop();
});

async function openAllMail(from: Mailstore, account: StoredAccount): Promise<SelectedMailbox> {
  const mailbox = await from.mailboxes.allMail(account.id);
  const view = mailbox && (await from.mailboxes.open(mailbox.id, { claimRecent: false }));
  if (view === undefined) throw new Error('no mailbox of all mail');
  return view;
}

/** UID, flags, keywords and mod-sequence of each message. */
function contentsOf(view: SelectedMailbox): [number, number, string, number][] {
  const { uids, modSeqs } = view.columns;
  return range(1, view.exists).map((n) => {
    const { system, keywords } = view.flagsAt(n);
    return [uids[n - 1] ?? 0, system, [...keywords].sort().join(' '), modSeqs[n - 1] ?? 0];
  });
}

type Step = (account: StoredAccount) => Promise<unknown>;

const NAMES = ['INBOX', 'Archive', 'Junk', 'Work'] as const;

/** Something that a user does in a mailbox, with a few of its messages. */
const steps: fc.Arbitrary<Step> = fc
  .record({
    what: fc.constantFrom('append', 'append', 'copy', 'move', 'store', 'store', 'expunge', 'delete', 'create'),
    from: fc.constantFrom(...NAMES),
    to: fc.constantFrom(...NAMES),
    uids: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
    how: fc.constantFrom('add' as const, 'remove' as const, 'set' as const),
    system: fc.constantFrom(SEEN, FLAGGED, DELETED, SEEN | DELETED),
    keyword: fc.constantFrom([], ['work'], ['k70']),
  })
  .map(({ what, from, to, uids, how, system, keyword }) => async (account) => {
    const source = await store.mailboxes.find(account.id, from);
    if (what === 'create') return store.mailboxes.create(account.id, 'Work');
    if (what === 'delete') return store.mailboxes.remove(account.id, from === 'INBOX' ? 'Work' : from);
    const target = await store.mailboxes.find(account.id, to);
    if (source === undefined || target === undefined) return undefined;
    const some = [...uids].sort((a, b) => a - b);
    switch (what) {
      case 'append':
        return appendLetters(store, source.id, 2, { same: true });
      case 'copy':
        return store.messages.copy(source.id, some, target.id, NO_QUOTA);
      case 'move':
        return store.messages.move(source.id, some, target.id, NO_QUOTA);
      case 'store':
        return store.messages.storeFlags(source.id, some, { how, flags: { system, keywords: keyword } });
      default:
        return store.messages.expunge(source.id);
    }
  });

describe('all mail of an account', () => {
  it('is caught up with to what it would be when read anew, whatever happens in its mailboxes', async () => {
    const known = range(1, 69).map((n) => `k${n}`);
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 14 }), async (plan) => {
        const account = await somebody(store);
        const inbox = await mailboxOf(store, account);
        await appendLetters(store, inbox, 3, { flags: { system: 0, keywords: known } });
        const followed = await openAllMail(store, account);
        const told: number[] = [];
        let after = 0;
        const since = followed.highestModSeq;
        const before = contentsOf(followed).map(([uid]) => uid);
        for (const step of plan) {
          await step(account);
          if (++after % 3 === 0) await followed.refresh();
        }
        await followed.refresh();
        told.push(...followed.take({ expunges: true }).expungedUids);
        // A process that has never seen the account reads it whole.
        const anew = await openMailstore({ url: server.url, connections: 2, log: silentLog(), migrate: false });
        const fresh = await openAllMail(anew, account);
        expect(contentsOf(followed)).toEqual(contentsOf(fresh));
        expect(followed.uidNext).toBe(fresh.uidNext);
        // QRESYNC: what was there and is gone is told; what is there is never told as gone.
        const all = await anew.mailboxes.allMail(account.id);
        const history = await anew.messages.expungedSince(all?.id ?? 0, since);
        expect(history.kind).toBe('known');
        const gone = new Set(history.kind === 'known' ? history.uids : []);
        const there = new Set(contentsOf(fresh).map(([uid]) => uid));
        expect(before.filter((uid) => !there.has(uid))).toEqual(before.filter((uid) => gone.has(uid)));
        expect(told).toEqual(before.filter((uid) => !there.has(uid)));
        expect([...there].filter((uid) => gone.has(uid))).toEqual([]);
        await anew.close();
      }),
      { numRuns: process.env.POSTERN_TEST_FULL === '1' ? 200 : 25 },
    );
  });

  it('changes its UIDVALIDITY when a UID comes back: undelete', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    await appendLetters(store, inbox, 2, { flags: { system: DELETED, keywords: [] } });
    const before = await store.mailboxes.allMail(account.id);
    await store.messages.expunge(inbox, [1]);
    expect(await store.mailboxes.allMail(account.id)).toEqual(before);
    await store.maintenance.restoreMessages(account.id, [{ mailboxId: inbox, uid: 1 }]);
    const restored = await store.mailboxes.allMail(account.id);
    expect(restored?.uidValidity).not.toBe(before?.uidValidity);
    expect(contentsOf(await openAllMail(other, account)).map(([uid]) => uid)).toEqual([1, 2]);
    const archive = await mailboxOf(store, account, 'Archive');
    await store.messages.copy(inbox, [2], archive, NO_QUOTA);
    await store.mailboxes.remove(account.id, 'Archive');
    await store.maintenance.restoreMailbox(account.id, archive);
    expect((await store.mailboxes.allMail(account.id))?.uidValidity).not.toBe(restored?.uidValidity);
  });

  it('says that it has forgotten, once the history of a mailbox is collected', async () => {
    const account = await somebody(store);
    const archive = await mailboxOf(store, account, 'Archive');
    await appendLetters(store, archive, 2);
    const all = await store.mailboxes.allMail(account.id);
    const { highestModSeq } = (await store.mailboxes.status([all?.id ?? 0]))[0] ?? { highestModSeq: 0 };
    await store.mailboxes.remove(account.id, 'Archive');
    expect(await other.messages.expungedSince(all?.id ?? 0, highestModSeq)).toEqual({ kind: 'known', uids: [1, 2] });
    await store.collectGarbage(new Date(Date.now() + 30 * 86_400_000));
    expect(await other.messages.expungedSince(all?.id ?? 0, highestModSeq)).toEqual({ kind: 'forgotten' });
  });

  it('reads what is new alone, however much has been expunged before', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    await appendLetters(store, inbox, 1000, { same: true, flags: { system: DELETED, keywords: [] } });
    await store.messages.expunge(inbox, range(1, 1000));
    const view = await openAllMail(other, account);
    const { highestModSeq } = (await store.mailboxes.status([view.mailboxId]))[0] ?? { highestModSeq: 0 };
    const connection = await createConnection(server.url);
    const rowsRead = async (): Promise<number> => {
      const [rows] = await connection.query("SHOW GLOBAL STATUS WHERE Variable_name = 'Handler_read_next'");
      return Number((rows as { Value: string }[])[0]?.Value);
    };
    const before = await rowsRead();
    await appendLetters(store, inbox, 1);
    expect(await view.refresh()).toBe('current');
    expect(view.take({ expunges: true }).exists).toBe(1);
    expect(await other.messages.expungedSince(view.mailboxId, highestModSeq)).toEqual({ kind: 'known', uids: [] });
    expect((await rowsRead()) - before).toBeLessThan(500);
    await connection.end();
    view.close();
  });

  it('compares UNCHANGEDSINCE with the email, not with the copy that stands for it', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    const archive = await mailboxOf(store, account, 'Archive');
    await appendLetters(store, inbox, 2);
    await store.messages.copy(inbox, [1], archive, NO_QUOTA);
    const all = (await store.mailboxes.allMail(account.id))?.id ?? 0;
    const { highestModSeq } = (await store.mailboxes.status([all]))[0] ?? { highestModSeq: 0 };
    const seen = { how: 'add', flags: { system: SEEN, keywords: [] } } as const;
    await other.messages.storeFlags(archive, [1], seen);
    const flagged = { how: 'add', flags: { system: FLAGGED, keywords: [] }, unchangedSince: highestModSeq } as const;
    const result = await store.messages.storeFlags(all, [1, 2], flagged);
    expect(result).toMatchObject({ kind: 'stored', changed: [2], modified: [1] });
    const view = await openAllMail(store, account);
    expect(contentsOf(view).map(([uid, flags]) => [uid, flags])).toEqual([
      [1, SEEN],
      [2, FLAGGED],
    ]);
  });

  it('reads a message that was moved a moment ago by another node', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    await appendLetters(store, inbox, 3, { flags: NO_FLAGS });
    const all = (await store.mailboxes.allMail(account.id))?.id ?? 0;
    const pages = store.messages.fetch(all, [1, 2, 3], { envelope: true, pageSize: 1 })[Symbol.asyncIterator]();
    const found = [(await pages.next()).value];
    await other.messages.move(inbox, [2, 3], await mailboxOf(store, account, 'Archive'), NO_QUOTA);
    for (let page = await pages.next(); page.done !== true; page = await pages.next()) found.push(page.value);
    expect(found.flat().map((message) => [message?.uid, message?.emailId])).toEqual([
      [1, 'E1'],
      [2, 'E2'],
      [3, 'E3'],
    ]);
  });

  it('tells of no message as gone that is moved to and fro, however the moves fall between its questions', async () => {
    const account = await somebody(store);
    const places = [await mailboxOf(store, account), await mailboxOf(store, account, 'Archive')] as const;
    await appendLetters(store, places[0], 20, { same: true });
    const view = await openAllMail(store, account);
    let moving = true;
    const moves = (async () => {
      for (let n = 0; n < 60; n++) {
        const [from, to] = n % 2 === 0 ? places : [places[1], places[0]];
        const there = await other.mailboxes.open(from, { claimRecent: false });
        await other.messages.move(from, [...(there?.columns.uids.slice(0, there.exists) ?? [])], to, NO_QUOTA);
        there?.close();
      }
      moving = false;
    })();
    while (moving) {
      await view.refresh();
      expect(view.take({ expunges: true }).expungedUids).toEqual([]);
    }
    await moves;
    await view.refresh();
    const anew = await openAllMail(other, account);
    expect(contentsOf(view)).toEqual(contentsOf(anew));
    expect(view.exists).toBe(20);
    for (const each of [view, anew]) each.close();
  });

  it('is read and told by STATUS on a database whose accounts are older than it', async () => {
    const account = await somebody(store);
    const connection = await createConnection(server.url);
    await connection.query('UPDATE account SET all_uidvalidity = NULL WHERE id = ?', [account.id]);
    await connection.end();
    const [status] = await store.mailboxes.status([(await store.mailboxes.allMail(account.id))?.id ?? 0]);
    expect(status).toMatchObject({ messages: 0, unseen: 0, recent: 0 });
    expect(status?.uidValidity).toBeGreaterThan(1_700_000_000);
  });
});
