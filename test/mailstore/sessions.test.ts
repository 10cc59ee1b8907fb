import { describe, expect, it } from 'vitest';
import { DELETED, SEEN } from '../../store/mailstore/flags.ts';
import { NO_QUOTA, range } from '../support/mailstore.ts';
import { append, delivery, mailboxId, newAccount, select, useMailstores } from './some-mailstore.ts';

const stores = useMailstores();

describe('two sessions of one mailbox', () => {
  it('see each other’s changes when they ask, expunges only when they may', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    await append(store, inbox, 4);
    const one = await select(store, inbox);
    const two = await select(store, inbox);
    await store.messages.storeFlags(inbox, [2, 3], { how: 'add', flags: { system: DELETED, keywords: ['new'] } });
    await store.messages.expunge(inbox, [2]);
    await append(store, inbox, 2);
    await one.refresh();
    expect(one.take({ expunges: false })).toEqual({
      expungedSequence: [],
      expungedUids: [],
      exists: 6,
      flagsSequence: [3],
      keywordsChanged: true,
    });
    expect([one.uidAt(2), one.sequenceOf(3), one.exists]).toEqual([2, 3, 6]);
    await append(store, inbox, 1);
    await one.refresh();
    expect(one.take({ expunges: true })).toMatchObject({ expungedSequence: [2], expungedUids: [2], exists: 6 });
    expect([one.uidAt(2), one.sequenceOf(3), one.sequenceOf(7), one.exists]).toEqual([3, 2, 6, 6]);
    expect(two.take({ expunges: true })).toMatchObject({
      expungedSequence: [2],
      exists: 6,
      flagsSequence: [2],
    });
    const stored = await store.messages.storeFlags(inbox, [1], { how: 'add', flags: { system: SEEN, keywords: [] } });
    if (stored.kind === 'stored') for (const modSeq of stored.modSeqs) one.ignoreFlagsOf(modSeq);
    await one.refresh();
    expect(one.take({ expunges: true }).flagsSequence).toEqual([]);
    expect(two.take({ expunges: true }).flagsSequence).toEqual([1]);
    one.close();
    two.close();
  });

  it('are woken at once in the same process, and soon in another', async () => {
    const here = await stores.open();
    const there = await stores.open();
    const account = await newAccount(here);
    const inbox = await mailboxId(here, account, 'INBOX');
    let local = 0;
    let remote = 0;
    const stops = [here.changes.watch(inbox, () => local++), there.changes.watch(inbox, () => remote++)];
    await append(here, inbox, 1);
    expect(local).toBeGreaterThan(0);
    await expect.poll(() => remote, { timeout: 1000 }).toBeGreaterThan(0);
    for (const stop of stops) stop();
    const view = await select(there, inbox);
    expect(view.exists).toBe(1);
    view.close();
  });

  it('share the \\Recent marks: each message is recent once', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    await append(store, inbox, 3);
    expect((await store.mailboxes.status([inbox]))[0]?.recent).toBe(3);
    const one = await store.mailboxes.open(inbox, { claimRecent: true });
    const two = await store.mailboxes.open(inbox, { claimRecent: true });
    expect([one?.recentFromUid, two?.recentFromUid]).toEqual([1, Number.POSITIVE_INFINITY]);
    expect((await store.mailboxes.status([inbox]))[0]?.recent).toBe(0);
    one?.close();
    two?.close();
  });
});

describe('the write rule', () => {
  it('under contention from several pools no UID or mod-sequence repeats or goes back', async () => {
    const pools = await Promise.all([stores.open(), stores.open(), stores.open()]);
    const store = pools[0];
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    const seen: { uid: number; modSeq: number }[] = [];
    let running = true;
    const faults: string[] = [];
    const observer = (async () => {
      const watcher = await stores.open({ connections: 2 });
      let last = { uid: 0, modSeq: 0 };
      while (running) {
        const [status] = await watcher.mailboxes.status([inbox]);
        const { uidNext, highestModSeq } = status as { uidNext: number; highestModSeq: number };
        if (uidNext < last.uid || highestModSeq < last.modSeq) faults.push('a counter went back');
        // What the head promises is there: a change number never shows before its change.
        const view = await select(watcher, inbox);
        if (view.columns.count < uidNext - 1) faults.push('a UID below UIDNEXT is missing');
        view.close();
        last = { uid: uidNext, modSeq: highestModSeq };
      }
    })();
    await Promise.all(
      pools.map(async (each) => {
        for (let i = 0; i < 15; i++) {
          const batch = await Promise.all([delivery(each, account), delivery(each, account)]);
          for (const result of await each.deliveries.deliver(batch)) {
            if (result.kind !== 'delivered') throw new Error(result.kind);
            seen.push(...result.messages.map(({ uid, modSeq }) => ({ uid, modSeq })));
          }
          const flags = { system: SEEN, keywords: [`k${i % 3}`] };
          await each.messages.storeFlags(inbox, range(1, 10), { how: i % 2 ? 'add' : 'remove', flags });
        }
      }),
    );
    running = false;
    await observer;
    expect(faults).toEqual([]);
    expect(seen.map((s) => s.uid).sort((a, b) => a - b)).toEqual(range(1, 90));
    const byUid = [...seen].sort((a, b) => a.uid - b.uid);
    expect(byUid.every((s, i) => i === 0 || s.modSeq >= (byUid[i - 1] as typeof s).modSeq)).toBe(true);
    const [status] = await store.mailboxes.status([inbox]);
    const view = await select(await stores.open(), inbox);
    const { flags, count } = view.columns;
    let unseen = 0;
    for (let i = 0; i < count; i++) unseen += ((flags[i] as number) & SEEN) === 0 ? 1 : 0;
    expect(status).toMatchObject({ messages: 90, unseen });
    view.close();
  });

  it('copies that cross between two mailboxes both end', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const a = await mailboxId(store, account, 'INBOX');
    const b = await mailboxId(store, account, 'Archive');
    await append(store, a, 5);
    await append(store, b, 5);
    const runs = range(1, 10).flatMap(() => [
      store.messages.copy(a, [1, 2], b, NO_QUOTA),
      store.messages.copy(b, [1, 2], a, NO_QUOTA),
    ]);
    expect((await Promise.all(runs)).map((r) => r.kind)).toEqual(runs.map(() => 'copied'));
    expect((await store.mailboxes.status([a, b])).map((s) => s?.messages)).toEqual([25, 25]);
  });
});
