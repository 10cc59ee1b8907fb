import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DELETED, NO_FLAGS, SEEN } from '../../store/mailstore/flags.ts';
import type { FetchedMessage } from '../../store/mailstore/mailstore.ts';
import { NO_QUOTA, range } from '../support/mailstore.ts';
import { append, fetchAll, mail, mailboxId, newAccount, select, useMailstores } from './some-mailstore.ts';

const stores = useMailstores();

describe('messages', () => {
  it('FETCH has its texts ready, for any set of UIDs, page by page', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    await append(store, inbox, 30);
    const all = await fetchAll(store, inbox, range(1, 30), { envelope: true, bodyStructure: true, pageSize: 7 });
    expect(all.map((m) => m.uid)).toEqual(range(1, 30));
    expect(all[4]?.envelope?.toString()).toContain('"No 4"');
    expect(all[4]?.bodyStructure?.toString().toLowerCase()).toContain('("text" "plain"');
    const some = await fetchAll(store, inbox, [2, 3, 19, 30, 500], { headerFields: true, threadId: true });
    expect(some.map((m) => m.uid)).toEqual([2, 3, 19, 30]);
    expect(some[0]?.headerFields?.toString()).toContain('Subject: No 1\r\n');
    expect(new Set(some.map((m) => m.threadId)).size).toBe(4);
    const few = await fetchAll(store, inbox, [5, 7], { headerFields: true });
    expect(few.map((m) => m.uid)).toEqual([5, 7]);
  });

  it('an answer is in the thread of what it answers', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    const id = `<${randomBytes(6).toString('hex')}@x.example>`;
    const question = Buffer.from(`Message-ID: ${id}\r\nSubject: q\r\n\r\n?`);
    for (const bytes of [mail('answer', 'a', `In-Reply-To: ${id}\r\n`), question, mail('other')]) {
      const content = await store.contents.put(bytes);
      await store.messages.append(inbox, [{ content, flags: NO_FLAGS, internalDate: new Date() }], NO_QUOTA);
    }
    const threads = (await fetchAll(store, inbox, [1, 2, 3], { threadId: true })).map((m) => m.threadId);
    expect(threads[0]).toBe(threads[1]);
    expect(threads[2]).not.toBe(threads[0]);
  });

  it('STORE sets, adds, removes, and leaves alone what UNCHANGEDSINCE protects', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    await append(store, inbox, 5);
    const added = await store.messages.storeFlags(inbox, [1, 2, 4], {
      how: 'add',
      flags: { system: SEEN, keywords: ['$Forwarded'] },
    });
    expect(added).toMatchObject({ kind: 'stored', changed: [1, 2, 4], modified: [] });
    const again = await store.messages.storeFlags(inbox, [1], {
      how: 'add',
      flags: { system: SEEN, keywords: ['$forwarded'] },
    });
    expect(again).toMatchObject({ changed: [] });
    const [before] = await store.mailboxes.status([inbox]);
    const guarded = await store.messages.storeFlags(inbox, range(1, 5), {
      how: 'set',
      flags: { system: DELETED, keywords: [] },
      unchangedSince: (before?.highestModSeq ?? 0) - 1,
    });
    expect(guarded).toMatchObject({ changed: [3, 5], modified: [1, 2, 4] });
    await store.messages.storeFlags(inbox, [2], { how: 'remove', flags: { system: SEEN, keywords: [] } });
    const view = await select(store, inbox);
    expect(range(1, 5).map((n) => view.flagsAt(n))).toEqual([
      { system: SEEN, keywords: ['$Forwarded'] },
      { system: 0, keywords: ['$Forwarded'] },
      { system: DELETED, keywords: [] },
      { system: SEEN, keywords: ['$Forwarded'] },
      { system: DELETED, keywords: [] },
    ]);
    const [status] = await store.mailboxes.status([inbox]);
    expect(status).toMatchObject({ messages: 5, unseen: 3, deleted: 2 });
    view.close();
  });

  it('has any number of keywords, each set and taken away alone, kept by COPY and MOVE and after a start anew', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    const archive = await mailboxId(store, account, 'Archive');
    await append(store, inbox, 2);
    const keywords = range(1, 200).map((n) => `kw${n}`);
    await store.messages.storeFlags(inbox, [1], { how: 'set', flags: { system: 0, keywords } });
    const view = await select(store, inbox);
    expect(view.keywordsAt(1)).toEqual(keywords);
    expect(view.keywordsAt(2)).toEqual([]);
    const same = await store.messages.storeFlags(inbox, [1], { how: 'add', flags: { system: 0, keywords } });
    expect(same).toMatchObject({ changed: [] });
    await store.messages.storeFlags(inbox, [1], { how: 'remove', flags: { system: 0, keywords: ['kw5', 'KW150'] } });
    await view.refresh();
    expect(view.take({ expunges: true }).flagsSequence).toEqual([1]);
    const left = keywords.filter((k) => k !== 'kw5' && k !== 'kw150');
    expect(view.keywordsAt(1)).toEqual(left);
    await store.messages.copy(inbox, [1, 2], archive, NO_QUOTA);
    await store.messages.move(inbox, [1], archive, NO_QUOTA);
    await store.messages.storeFlags(archive, [1], { how: 'set', flags: { system: 0, keywords: ['kw199'] } });
    const copies = await select(await stores.open(), archive);
    expect([1, 2, 3].map((n) => copies.keywordsAt(n))).toEqual([['kw199'], [], left]);
    copies.close();
    view.close();
  });

  it('COPY and MOVE keep flags, keywords, dates and EMAILID; EXPUNGE takes the \\Deleted alone', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    const archive = await mailboxId(store, account, 'Archive');
    await append(store, inbox, 6, { system: SEEN, keywords: ['k'] });
    const before = await fetchAll(store, inbox, range(1, 6), { envelope: true });
    expect(await store.messages.copy(inbox, [1, 3, 99], archive, NO_QUOTA)).toMatchObject({
      kind: 'copied',
      sourceUids: [1, 3],
      destinationUids: [1, 2],
      sourceModSeq: undefined,
    });
    expect(await store.messages.move(inbox, [2, 5], archive, NO_QUOTA)).toMatchObject({
      sourceUids: [2, 5],
      destinationUids: [3, 4],
    });
    const after = await fetchAll(store, archive, range(1, 4), { envelope: true });
    const facts = (m: FetchedMessage | undefined) => [
      m?.emailId,
      m?.internalDateMs,
      m?.sizeBytes,
      m?.envelope?.toString(),
    ];
    expect(after.map(facts)).toEqual([0, 2, 1, 4].map((i) => facts(before[i])));
    const view = await select(store, archive);
    expect(view.flagsAt(4)).toEqual({ system: SEEN, keywords: ['k'] });
    view.close();
    await store.messages.storeFlags(inbox, [1, 3, 6], { how: 'add', flags: { system: DELETED, keywords: [] } });
    expect(await store.messages.expunge(inbox, [3, 4])).toMatchObject({ kind: 'expunged', uids: [3] });
    expect(await store.messages.expunge(inbox)).toMatchObject({ uids: [1, 6] });
    expect((await store.mailboxes.status([inbox, archive])).map((s) => s?.messages)).toEqual([1, 4]);
    expect((await store.accounts.usage(account.id)).messages).toBe(5);
    expect(await append(store, inbox, 1)).toEqual([7]);
  });

  it('SEARCH finds decoded text regardless of case, in the field that was asked', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    const messages = [
      mail('=?utf-8?q?Gr=C3=BC=C3=9Fe?=', 'nothing'),
      mail(
        'base64',
        'R3LDvMOfZSAxMDAlIHNpY2hlcg==\r\n',
        'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n',
      ),
      mail('plain', 'grüße aus Köln'),
      mail('subject', 'x', 'X-Note: Hello World\r\n'),
    ];
    for (const bytes of messages) {
      const content = await store.contents.put(bytes);
      await store.messages.append(inbox, [{ content, flags: NO_FLAGS, internalDate: new Date() }], NO_QUOTA);
    }
    const search = (kind: 'body' | 'text', value: string) =>
      store.messages.search(inbox, range(1, 4), [{ kind, value }]);
    const header = (field: string, value: string) =>
      store.messages.search(inbox, range(1, 4), [{ kind: 'header', field, value }]);
    expect(await header('Subject', 'GRÜß')).toEqual([1]);
    expect(await search('body', 'GRÜße')).toEqual([2, 3]);
    expect(await search('text', 'grüße')).toEqual([1, 2, 3]);
    expect(await search('body', '100%')).toEqual([2]);
    expect(await search('body', '1%0')).toEqual([]);
    expect(await header('x-note', 'world')).toEqual([4]);
    expect(await header('x-note', '')).toEqual([4]);
    expect(await header('subject', 'hello')).toEqual([]);
  });
});
