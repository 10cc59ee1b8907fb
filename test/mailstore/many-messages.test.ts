import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DELETED, NO_FLAGS, SEEN } from '../../store/mailstore/flags.ts';
import { type Mailstore, openMailstore } from '../../store/mailstore/mailstore.ts';
import { appendLetters, mailboxOf, NO_QUOTA, range, somebody, someDelivery } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

let server: TestDatabase;
let store: Mailstore;

beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
  store = await openMailstore({ url: server.url, connections: 6, log: silentLog() });
});

afterAll(async () => {
  await store?.close();
  await server?.stop();
});

describe('a command for very many messages', () => {
  it('is committed in slices, and ends as one of few does', { timeout: 60_000 }, async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    const archive = await mailboxOf(store, account, 'Archive');
    const count = 11_000;
    await appendLetters(store, inbox, count, { same: true });
    const all = range(1, count);
    const stored = await store.messages.storeFlags(inbox, all, { how: 'add', flags: { system: SEEN, keywords: [] } });
    expect(stored).toMatchObject({ kind: 'stored', changed: all });
    expect(stored.kind === 'stored' && stored.modSeqs.length).toBe(2);
    const copied = await store.messages.copy(inbox, all, archive, NO_QUOTA);
    expect(copied).toMatchObject({ kind: 'copied', sourceUids: all, destinationUids: all });
    await store.messages.storeFlags(archive, all, { how: 'add', flags: { system: DELETED, keywords: [] } });
    // A delivery comes in between the slices: it does not wait for all of them.
    const order: string[] = [];
    const expunging = store.messages.expunge(archive).then((result) => {
      order.push('expunged');
      return result;
    });
    const delivered = store.deliveries
      .deliver([await someDelivery(store, account)])
      .then(() => order.push('delivered'));
    expect(await expunging).toMatchObject({ kind: 'expunged', uids: all });
    await delivered;
    expect(order).toEqual(['delivered', 'expunged']);
    const moved = await store.messages.move(inbox, all, archive, NO_QUOTA);
    expect(moved).toMatchObject({ kind: 'copied', destinationUids: range(count + 1, 2 * count) });
    const [from, to] = await store.mailboxes.status([inbox, archive]);
    expect(from).toMatchObject({ messages: 1, unseen: 1, deleted: 0 });
    expect(to).toMatchObject({ messages: count, unseen: 0, deleted: 0, uidNext: 2 * count + 1 });
    expect((await store.accounts.usage(account.id)).messages).toBe(count + 1);
  });

  it('is refused whole when it is a COPY that the quota does not hold', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    const archive = await mailboxOf(store, account, 'Archive');
    await appendLetters(store, inbox, 6000, { same: true });
    const quota = { bytes: 0, messages: 11_500 };
    expect(await store.messages.copy(inbox, range(1, 6000), archive, quota)).toEqual({ kind: 'over-quota' });
    const [to] = await store.mailboxes.status([archive]);
    expect(to).toMatchObject({ messages: 0, uidNext: 1 });
  });
});

describe('between two accounts', () => {
  it('COPY and MOVE keep bytes, flags, keywords and dates, count for the other account, and make an email of its own', async () => {
    const [ann, bob] = [await somebody(store), await somebody(store)];
    const from = await mailboxOf(store, ann);
    const to = await mailboxOf(store, bob, 'Archive');
    // The same names have other numbers in the other account.
    await appendLetters(store, to, 1, { flags: { system: 0, keywords: ['zeta', 'alpha'] } });
    const keywords = [...range(1, 70).map((n) => `k${n}`), 'alpha'];
    await appendLetters(store, from, 3, { flags: { system: SEEN, keywords } });
    const copied = await store.messages.copy(from, [1, 2], to, NO_QUOTA);
    expect(copied).toMatchObject({ kind: 'copied', sourceUids: [1, 2], destinationUids: [2, 3] });
    expect(await store.messages.move(from, [3], to, NO_QUOTA)).toMatchObject({ destinationUids: [4] });
    const view = await store.mailboxes.open(to, { claimRecent: false });
    expect(view?.exists).toBe(4);
    expect(view?.flagsAt(4).system).toBe(SEEN);
    expect([...(view?.keywordsAt(2) ?? [])].sort()).toEqual([...keywords].sort());
    view?.close();
    const read = async (id: number, uids: number[]) => {
      const want = { envelope: true, bodyStructure: true, headerFields: true, body: true, threadId: true };
      const messages = [];
      for await (const page of store.messages.fetch(id, uids, want)) messages.push(...page);
      return messages;
    };
    const [original] = await read(from, [1]);
    const [copy] = await read(to, [2]);
    for (const part of ['internalDateMs', 'envelope', 'bodyStructure', 'headerFields', 'body'] as const) {
      expect(copy?.[part], part).toEqual(original?.[part]);
    }
    expect((await store.accounts.usage(bob.id)).messages).toBe(4);
    expect((await store.accounts.usage(ann.id)).messages).toBe(2);
    expect(new Set((await read(to, range(1, 4))).map((m) => m.emailId)).size).toBe(4);
    const full = { bytes: 0, messages: 4 };
    expect(await store.messages.copy(from, [1], to, full)).toEqual({ kind: 'over-quota' });
    expect(await store.messages.move(from, [1], to, full)).toEqual({ kind: 'over-quota' });
  });
});

it('a message that comes while another account is copied from is numbered once', async () => {
  const [ann, bob] = [await somebody(store), await somebody(store)];
  const [a, b] = [await mailboxOf(store, ann), await mailboxOf(store, bob)];
  await appendLetters(store, a, 5);
  await appendLetters(store, b, 5);
  const work: Promise<unknown>[] = [];
  for (let n = 0; n < 10; n++) {
    work.push(store.messages.copy(a, [1, 2], b, NO_QUOTA), store.messages.copy(b, [1, 2], a, NO_QUOTA));
    work.push(
      store.messages.append(
        a,
        [{ content: await store.contents.put(Buffer.from('x\r\n')), flags: NO_FLAGS, internalDate: new Date() }],
        NO_QUOTA,
      ),
    );
  }
  await Promise.all(work);
  const [left, right] = await store.mailboxes.status([a, b]);
  expect(left).toMatchObject({ messages: 35, uidNext: 36 });
  expect(right).toMatchObject({ messages: 25, uidNext: 26 });
});
