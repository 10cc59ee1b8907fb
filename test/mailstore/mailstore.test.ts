import { createHash, randomBytes } from 'node:crypto';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DELETED, FLAGGED, NO_FLAGS, SEEN } from '../../store/mailstore/flags.ts';
import {
  type Delivery,
  type FetchedMessage,
  type FetchWants,
  type Mailstore,
  openMailstore,
  type StoredAccount,
} from '../../store/mailstore/mailstore.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';

let server: TestDatabase;
let url: string;
const opened: Mailstore[] = [];
const NO_QUOTA = { bytes: 0, messages: 0 };

async function open(options: { connections?: number } = {}): Promise<Mailstore> {
  const store = await openMailstore({
    url,
    connections: options.connections ?? 8,
    log: silentLog(),
    feedIntervalMs: 20,
  });
  opened.push(store);
  return store;
}

beforeAll(async () => {
  server = await startTestDatabase();
  url = await server.createDatabase();
});

afterAll(async () => {
  for (const store of opened) await store.close();
  await server?.stop();
});

let people = 0;
async function newAccount(store: Mailstore): Promise<StoredAccount> {
  const uuid = `00000000-0000-4000-8000-${String(++people).padStart(12, '0')}`;
  const result = await store.accounts.ensure({ uuid, address: `person${people}@domain1.example` });
  if (result.kind !== 'ready') throw new Error(result.kind);
  return result.account;
}

function mail(subject: string, body = 'Hello.\r\n', more = ''): Buffer {
  return Buffer.from(
    `From: Ann <ann@a.example>\r\nTo: Bob <bob@b.example>\r\nSubject: ${subject}\r\n` +
      `Message-ID: <${randomBytes(8).toString('hex')}@a.example>\r\nDate: Mon, 2 Feb 2026 10:00:00 +0100\r\n${more}\r\n${body}`,
  );
}

async function delivery(
  store: Mailstore,
  account: StoredAccount,
  message = mail('Hi'),
  more: Partial<Delivery> = {},
): Promise<Delivery> {
  return {
    key: { peer: 'relay', deliveryId: randomBytes(16).toString('hex'), recipient: account.address },
    account,
    content: await store.contents.put(message),
    into: [{ mailbox: 'INBOX', flags: NO_FLAGS }],
    internalDate: new Date('2026-02-02T10:00:00Z'),
    quota: NO_QUOTA,
    outcome: 'delivered',
    reply: reply(250, '2.0.0', 'Delivered'),
    ...more,
  };
}

async function mailboxId(store: Mailstore, account: StoredAccount, name: string): Promise<number> {
  const found = await store.mailboxes.find(account.id, name);
  if (found === undefined) throw new Error(`no mailbox ${name}`);
  return found.id;
}

async function select(store: Mailstore, id: number) {
  const view = await store.mailboxes.open(id, { claimRecent: false });
  if (view === undefined) throw new Error('gone');
  return view;
}

async function append(store: Mailstore, id: number, count: number, flags = NO_FLAGS): Promise<number[]> {
  const messages = [];
  for (let i = 0; i < count; i++) {
    messages.push({ content: await store.contents.put(mail(`No ${i}`)), flags, internalDate: new Date() });
  }
  const result = await store.messages.append(id, messages, NO_QUOTA);
  if (result.kind !== 'appended') throw new Error(result.kind);
  return [...result.uids];
}

async function fetchAll(store: Mailstore, id: number, uids: number[], want: FetchWants): Promise<FetchedMessage[]> {
  const all: FetchedMessage[] = [];
  for await (const page of store.messages.fetch(id, uids, want)) all.push(...page);
  return all;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('accounts', () => {
  it('have the standard mailboxes from the first time on, once, whoever asks at the same instant', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    const given = { uuid: '11111111-0000-4000-8000-000000000000', address: 'crowd@domain1.example' };
    const results = await Promise.all(range(1, 10).map((n) => (n % 2 ? one : two).accounts.ensure(given)));
    const ids = new Set(results.map((r) => (r.kind === 'ready' ? r.account.id : r.kind)));
    expect(ids.size).toBe(1);
    const [id] = [...ids] as number[];
    const list = await one.mailboxes.list(id as number);
    expect(list.map((m) => [m.name, m.specialUse])).toEqual([
      ['INBOX', undefined],
      ['Archive', '\\Archive'],
      ['Drafts', '\\Drafts'],
      ['Junk', '\\Junk'],
      ['Sent', '\\Sent'],
      ['Trash', '\\Trash'],
    ]);
    expect(new Set(list.map((m) => m.uidValidity)).size).toBe(6);
  });

  it('follow a new address of their entry, and never take one that another entry has', async () => {
    const store = await open();
    const ann = await newAccount(store);
    const bob = await newAccount(store);
    expect(await store.accounts.ensure({ uuid: ann.uuid, address: 'ann.new@domain1.example' })).toMatchObject({
      kind: 'ready',
      account: { id: ann.id, address: 'ann.new@domain1.example' },
    });
    expect(await store.accounts.ensure({ uuid: 'ffffffff-0000-4000-8000-000000000000', address: bob.address })).toEqual(
      {
        kind: 'address-taken',
        byUuid: bob.uuid,
      },
    );
  });

  it('are adopted by another entry, mail and all, by an administrator alone', async () => {
    const store = await open();
    const old = await newAccount(store);
    const other = await newAccount(store);
    const uuid = 'ffffffff-0000-4000-8000-000000000001';
    const next = { uuid, address: old.address };
    expect(await store.accounts.ensure(next)).toEqual({ kind: 'address-taken', byUuid: old.uuid });
    expect(await store.accounts.adopt({ address: old.address, uuid: other.uuid })).toBe('entry-has-account');
    expect(await store.accounts.adopt({ address: 'nobody@domain9.example', uuid })).toBe('no-such-account');
    expect(await store.accounts.adopt(next)).toBe('adopted');
    expect(await store.accounts.adopt(next)).toBe('was-so-already');
    expect(await store.accounts.ensure(next)).toMatchObject({ kind: 'ready', account: { id: old.id } });
    // The entry of before is now the stranger.
    expect(await store.accounts.ensure({ uuid: old.uuid, address: old.address })).toEqual({
      kind: 'address-taken',
      byUuid: uuid,
    });
  });
});

describe('content', () => {
  it('comes back byte for byte', async () => {
    const store = await open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    const eightBit = Buffer.from(range(1, 255));
    const bodies = [
      mail('plain'),
      Buffer.concat([mail('eight bit'), eightBit, Buffer.from('\\ \' " % _ \r\n')]),
      mail('empty', ''),
      Buffer.from('no header at all'),
      Buffer.concat([mail('large'), randomBytes(1_700_000)]),
      Buffer.concat([mail('exactly one chunk'), Buffer.alloc(524_288 - mail('exactly one chunk').length, 65)]),
    ];
    const uids: number[] = [];
    for (const body of bodies) {
      const content = await store.contents.put(body);
      const appended = await store.messages.append(
        inbox,
        [{ content, flags: NO_FLAGS, internalDate: new Date() }],
        NO_QUOTA,
      );
      if (appended.kind === 'appended') uids.push(...appended.uids);
    }
    const other = await open();
    const fetched = await fetchAll(other, inbox, uids, { body: true });
    expect(fetched.map((m, i) => m.body?.equals(bodies[i] as Buffer))).toEqual(bodies.map(() => true));
    const large = fetched[4] as FetchedMessage;
    const piece = await other.messages.readBody(large.contentId, 500_000, 1_600_000);
    expect(piece.equals((bodies[4] as Buffer).subarray(500_000, 1_600_000))).toBe(true);
  });

  it('of 25 MB is kept whole, and once, however often it is put', async () => {
    const store = await open();
    const large = Buffer.concat([mail('25 MB'), Buffer.alloc(25_000_000, 'abcdefghijk\r\n')]);
    const puts = await Promise.all([store.contents.put(large), store.contents.put(large)]);
    expect(puts[0]?.id.equals(puts[1]?.id as Buffer)).toBe(true);
    const back = await store.messages.readBody((puts[0] as { id: Buffer }).id);
    expect(back.equals(large)).toBe(true);
  });
});

describe('delivery', () => {
  it('lands in INBOX, and the same id again lands nowhere', async () => {
    const store = await open();
    const account = await newAccount(store);
    const one = await delivery(store, account);
    expect(await store.deliveries.deliver([one])).toMatchObject([
      { kind: 'delivered', messages: [{ mailbox: 'INBOX', uid: 1 }] },
    ]);
    expect(await store.deliveries.deliver([one, one])).toMatchObject([
      {
        kind: 'repeated',
        recorded: { outcome: 'delivered', reply: { code: 250, enhanced: '2.0.0', text: 'Delivered' } },
      },
      { kind: 'repeated' },
    ]);
    const changed = { ...one, content: await store.contents.put(mail('other bytes')) };
    expect(await store.deliveries.deliver([changed])).toEqual([{ kind: 'conflict' }]);
    const [status] = await store.mailboxes.status([await mailboxId(store, account, 'INBOX')]);
    expect(status).toMatchObject({ messages: 1, unseen: 1, uidNext: 2 });
  });

  it('twice in one batch is one message', async () => {
    const store = await open();
    const account = await newAccount(store);
    const one = await delivery(store, account);
    const results = await store.deliveries.deliver([one, one]);
    expect(results.map((r) => r.kind)).toEqual(['delivered', 'repeated']);
  });

  it('keeps to the quota, counted under the lock', async () => {
    const store = await open();
    const account = await newAccount(store);
    const quota = { bytes: 0, messages: 3 };
    const batch = await Promise.all(range(1, 5).map(() => delivery(store, account, mail('q'), { quota })));
    const kinds = (await Promise.all(batch.map((d) => store.deliveries.deliver([d])))).flat().map((r) => r.kind);
    expect(kinds.filter((k) => k === 'delivered')).toHaveLength(3);
    expect(kinds.filter((k) => k === 'over-quota')).toHaveLength(2);
    expect(await store.accounts.fits(account.id, 0, quota)).toBe(false);
  });

  it('of a poisoned batch fails alone', async () => {
    const store = await open();
    const account = await newAccount(store);
    const poisoned = await delivery(store, account, mail('poison'), {
      key: { peer: 'relay', deliveryId: randomBytes(16).toString('hex'), recipient: 'x'.repeat(400) },
    });
    const batch = [await delivery(store, account), poisoned, await delivery(store, account)];
    const results = await store.deliveries.deliver(batch);
    expect(results.map((r) => r.kind)).toEqual(['delivered', 'fault', 'delivered']);
    const [status] = await store.mailboxes.status([await mailboxId(store, account, 'INBOX')]);
    expect(status?.messages).toBe(2);
  });

  it('brings its body along: large and small, twice in a batch, one that is there already', async () => {
    const store = await open();
    const [one, two] = [await newAccount(store), await newAccount(store)];
    const small = mail('travels');
    const fifty = Buffer.concat([mail('fifty'), randomBytes(25_000)]);
    const large = Buffer.concat([mail('large'), randomBytes(100_000)]);
    const huge = Buffer.concat([mail('huge'), randomBytes(600_000)]);
    const before = mail('there before');
    const there = await store.contents.put(before);
    const bodies = [small, fifty, large, huge, before, small];
    const batch: Delivery[] = [];
    for (const account of [one, two]) {
      for (const bytes of bodies) {
        const content = await store.contents.arrived(bytes);
        batch.push({ ...(await delivery(store, account)), content });
      }
    }
    const results = await store.deliveries.deliver(batch);
    expect(results.map((r) => r.kind)).toEqual(Array(12).fill('delivered'));
    // Another process reads it: no cache helps.
    const other = await open();
    for (const account of [one, two]) {
      const inbox = await mailboxId(store, account, 'INBOX');
      const fetched = await fetchAll(other, inbox, range(1, 6), { body: true });
      for (const [i, bytes] of bodies.entries()) {
        const { contentId } = fetched[i] as FetchedMessage;
        expect((await other.messages.readBody(contentId)).equals(bytes)).toBe(true);
        if (i === 4) expect(contentId.equals(there.id)).toBe(true);
      }
    }
    expect((await store.deliveries.deliver(batch)).map((r) => r.kind)).toEqual(Array(12).fill('repeated'));
  });

  it('leaves no body when nothing of its batch is kept', async () => {
    const store = await open();
    const account = await newAccount(store);
    const bytes = mail(`refused ${randomBytes(8).toString('hex')}`);
    const one = await delivery(store, account, mail('Hi'), { quota: { bytes: 10, messages: 0 } });
    const refused = { ...one, content: await store.contents.arrived(bytes) };
    expect((await store.deliveries.deliver([refused])).map((r) => r.kind)).toEqual(['over-quota']);
    const { createConnection } = await import('mysql2/promise');
    const other = await createConnection(url);
    const hash = createHash('sha256').update(bytes).digest();
    const [rows] = await other.query('SELECT id FROM content WHERE sha256 = ?', [hash]);
    await other.end();
    expect(rows).toEqual([]);
  });

  it('with a body of its own waits for a locked account without holding the body', async () => {
    const store = await open();
    const locked = await newAccount(store);
    const free = await newAccount(store);
    const { createConnection } = await import('mysql2/promise');
    const other = await createConnection(url);
    await other.query('START TRANSACTION');
    await other.query(`SELECT id FROM account WHERE id = ${locked.id} FOR UPDATE`);
    const bytes = mail(`same for both ${randomBytes(8).toString('hex')}`);
    const to = async (account: StoredAccount): Promise<Delivery> => ({
      ...(await delivery(store, account)),
      content: await store.contents.arrived(bytes),
    });
    const waiting = store.deliveries.deliver([await to(locked), await to(free)]);
    await expect.poll(async () => (await store.accounts.usage(free.id)).messages).toBe(1);
    expect((await store.deliveries.deliver([await to(free)])).map((r) => r.kind)).toEqual(['delivered']);
    await other.query('COMMIT');
    await other.end();
    expect((await waiting).map((r) => r.kind)).toEqual(['delivered', 'delivered']);
    const [message] = await fetchAll(store, await mailboxId(store, locked, 'INBOX'), [1], {});
    expect((await store.messages.readBody((message as FetchedMessage).contentId)).equals(bytes)).toBe(true);
  });

  it('skips an account that somebody else has locked, and serves it afterwards', async () => {
    const store = await open();
    const locked = await newAccount(store);
    const free = await newAccount(store);
    const { createConnection } = await import('mysql2/promise');
    const other = await createConnection(url);
    await other.query('START TRANSACTION');
    await other.query(`SELECT id FROM account WHERE id = ${locked.id} FOR UPDATE`);
    const batch = [await delivery(store, locked), await delivery(store, free)];
    const reported = await store.deliveries.deliver(batch, { lockedAccounts: 'report' });
    expect(reported.map((r) => r.kind)).toEqual(['locked', 'delivered']);
    const waiting = store.deliveries.deliver([await delivery(store, locked), await delivery(store, free)]);
    await expect.poll(async () => (await store.accounts.usage(free.id)).messages).toBe(2);
    await other.query('COMMIT');
    await other.end();
    expect((await waiting).map((r) => r.kind)).toEqual(['delivered', 'delivered']);
  });

  it('commits what it causes beside it, and a discarded one leaves its record alone', async () => {
    const store = await open();
    const account = await newAccount(store);
    const content = await store.contents.put(mail('redirected'));
    const one = await delivery(store, account, mail('in'), {
      into: [],
      outgoing: [{ reversePath: 'a@a.example', recipients: [{ address: 'c@c.example' }], cause: 'redirect', content }],
    });
    expect(await store.deliveries.deliver([one])).toMatchObject([{ kind: 'delivered', messages: [] }]);
    expect(await store.deliveries.recorded(one.key)).toMatchObject({ outcome: 'delivered' });
    expect(await store.accounts.usage(account.id)).toEqual({ bytes: 0, messages: 0 });
  });

  it('puts a message into several mailboxes as one email, creating where told', async () => {
    const store = await open();
    const account = await newAccount(store);
    const flags = { system: FLAGGED, keywords: ['$Label1', 'Grün'] };
    const one = await delivery(store, account, mail('many'), {
      into: [
        { mailbox: 'inbox', flags: NO_FLAGS },
        { mailbox: 'Lists/Postern', flags, create: true },
        // INBOX takes its place, and has the message already.
        { mailbox: 'nowhere', flags: NO_FLAGS },
      ],
    });
    const [result] = await store.deliveries.deliver([one]);
    expect(result).toMatchObject({
      kind: 'delivered',
      messages: [
        { mailbox: 'INBOX', uid: 1 },
        { mailbox: 'Lists/Postern', uid: 1 },
      ],
    });
    const view = await select(store, await mailboxId(store, account, 'Lists/Postern'));
    expect(view.flagsAt(1)).toEqual({ system: FLAGGED, keywords: ['$Label1', 'Grün'] });
    expect(await store.mailboxes.find(account.id, 'Lists')).toBeDefined();
    view.close();
  });
});

describe('mailboxes', () => {
  it('are made with their parents, found in any form of their name, and renamed with their children', async () => {
    const store = await open();
    const { id } = await newAccount(store);
    expect(await store.mailboxes.create(id, 'a/Bücher/c/')).toMatchObject({
      kind: 'created',
      mailbox: { name: 'a/Bücher/c' },
    });
    expect(await store.mailboxes.create(id, 'a/Bu\u0308cher')).toEqual({ kind: 'exists' });
    expect(await store.mailboxes.create(id, 'Inbox')).toEqual({ kind: 'exists' });
    expect(await store.mailboxes.create(id, 'a//b')).toMatchObject({ kind: 'invalid-name' });
    expect(await store.mailboxes.create(id, 'x', { specialUse: '\\Sent' })).toEqual({ kind: 'special-use-taken' });
    expect(await store.mailboxes.rename(id, 'a', 'new/b')).toEqual({ kind: 'renamed' });
    const names = (await store.mailboxes.list(id)).map((m) => m.name);
    expect(names).toEqual(expect.arrayContaining(['new', 'new/b', 'new/b/Bücher', 'new/b/Bücher/c']));
    expect(names).not.toContain('a');
    expect(await store.mailboxes.rename(id, 'new/b', 'new/b/c')).toMatchObject({ kind: 'invalid-name' });
    expect(await store.mailboxes.rename(id, 'new/b', 'Sent')).toEqual({ kind: 'exists' });
    expect(await store.mailboxes.rename(id, 'none', 'some')).toEqual({ kind: 'no-such-mailbox' });
  });

  it('leave their name free when deleted, and the next of that name has a new UIDVALIDITY', async () => {
    const store = await open();
    const { id } = await newAccount(store);
    const first = await store.mailboxes.create(id, 'p');
    if (first.kind !== 'created') throw new Error(first.kind);
    await append(store, first.mailbox.id, 2);
    expect(await store.accounts.usage(id)).toMatchObject({ messages: 2 });
    const view = await select(store, first.mailbox.id);
    expect(await store.mailboxes.remove(id, 'p')).toBe('deleted');
    expect(await store.accounts.usage(id)).toEqual({ messages: 0, bytes: 0 });
    expect(await view.refresh()).toBe('gone');
    view.close();
    const second = await store.mailboxes.create(id, 'p');
    if (second.kind !== 'created') throw new Error(second.kind);
    expect(second.mailbox.uidValidity).toBeGreaterThan(first.mailbox.uidValidity);
    expect(await store.mailboxes.status([first.mailbox.id, second.mailbox.id])).toMatchObject([
      undefined,
      { messages: 0, uidNext: 1 },
    ]);
    expect(await store.mailboxes.remove(id, 'inbox')).toBe('is-inbox');
    expect(await store.messages.append(first.mailbox.id, [], NO_QUOTA)).toEqual({ kind: 'no-such-mailbox' });
  });

  it('INBOX renamed gives its messages away and stays', async () => {
    const store = await open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    await append(store, inbox, 3);
    expect(await store.mailboxes.rename(account.id, 'INBOX', 'old')).toEqual({ kind: 'renamed' });
    const [before, after] = await store.mailboxes.status([inbox, await mailboxId(store, account, 'old')]);
    expect(before).toMatchObject({ messages: 0, uidNext: 4, sizeBytes: 0 });
    expect(after).toMatchObject({ messages: 3, uidNext: 4 });
  });

  it('are subscribed by name, with or without a mailbox', async () => {
    const store = await open();
    const { id } = await newAccount(store);
    expect(await store.mailboxes.subscribe(id, 'not/there')).toBe('subscribed');
    await store.mailboxes.unsubscribe(id, 'Junk');
    expect(await store.mailboxes.subscriptions(id)).toEqual([
      'Archive',
      'Drafts',
      'INBOX',
      'Sent',
      'Trash',
      'not/there',
    ]);
  });
});

describe('messages', () => {
  it('FETCH has its texts ready, for any set of UIDs, page by page', async () => {
    const store = await open();
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
    const store = await open();
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
    const store = await open();
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
    const store = await open();
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
    const copies = await select(await open(), archive);
    expect([1, 2, 3].map((n) => copies.keywordsAt(n))).toEqual([['kw199'], [], left]);
    copies.close();
    view.close();
  });

  it('COPY and MOVE keep flags, keywords, dates and EMAILID; EXPUNGE takes the \\Deleted alone', async () => {
    const store = await open();
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
    const store = await open();
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

describe('two sessions of one mailbox', () => {
  it('see each other’s changes when they ask, expunges only when they may', async () => {
    const store = await open();
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
    const here = await open();
    const there = await open();
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
    const store = await open();
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
    const stores = await Promise.all([open(), open(), open()]);
    const store = stores[0];
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    const seen: { uid: number; modSeq: number }[] = [];
    let running = true;
    const faults: string[] = [];
    const observer = (async () => {
      const watcher = await open({ connections: 2 });
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
      stores.map(async (each) => {
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
    const view = await select(await open(), inbox);
    const { flags, count } = view.columns;
    let unseen = 0;
    for (let i = 0; i < count; i++) unseen += ((flags[i] as number) & SEEN) === 0 ? 1 : 0;
    expect(status).toMatchObject({ messages: 90, unseen });
    view.close();
  });

  it('copies that cross between two mailboxes both end', async () => {
    const store = await open();
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

describe('garbage', () => {
  it('goes when nothing refers to it and its grace is over, and never before', async () => {
    const store = await open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    await append(store, inbox, 2);
    const [first, second] = await fetchAll(store, inbox, [1, 2], {});
    const orphan = await store.contents.put(mail('orphan'));
    await store.messages.storeFlags(inbox, [2], { how: 'add', flags: { system: DELETED, keywords: [] } });
    await store.messages.expunge(inbox);
    const exists = async (id: Buffer | undefined) => (await store.messages.structure(id as Buffer)) !== undefined;
    await store.collectGarbage();
    expect([await exists(first?.contentId), await exists(second?.contentId), await exists(orphan.id)]).toEqual([
      true,
      true,
      true,
    ]);
    await store.collectGarbage(new Date(Date.now() + 2 * 3_600_000));
    expect([await exists(first?.contentId), await exists(second?.contentId), await exists(orphan.id)]).toEqual([
      true,
      true,
      false,
    ]);
    const view = await select(store, inbox);
    await store.collectGarbage(new Date(Date.now() + 15 * 86_400_000));
    expect([await exists(first?.contentId), await exists(second?.contentId)]).toEqual([true, false]);
    await append(store, inbox, 1);
    await view.refresh();
    expect(view.take({ expunges: true })).toMatchObject({ exists: 2, expungedSequence: [] });
    view.close();
  });
});
