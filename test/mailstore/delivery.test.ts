import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FLAGGED, NO_FLAGS } from '../../store/mailstore/flags.ts';
import type { Delivery, FetchedMessage, StoredAccount } from '../../store/mailstore/mailstore.ts';
import { range } from '../support/mailstore.ts';
import { delivery, fetchAll, mail, mailboxId, newAccount, select, useMailstores } from './some-mailstore.ts';

const stores = useMailstores();

describe('delivery', () => {
  it('lands in INBOX, and the same id again lands nowhere', async () => {
    const store = await stores.open();
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
    const store = await stores.open();
    const account = await newAccount(store);
    const one = await delivery(store, account);
    const results = await store.deliveries.deliver([one, one]);
    expect(results.map((r) => r.kind)).toEqual(['delivered', 'repeated']);
  });

  it('keeps to the quota, counted under the lock', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const quota = { bytes: 0, messages: 3 };
    const batch = await Promise.all(range(1, 5).map(() => delivery(store, account, mail('q'), { quota })));
    const kinds = (await Promise.all(batch.map((d) => store.deliveries.deliver([d])))).flat().map((r) => r.kind);
    expect(kinds.filter((k) => k === 'delivered')).toHaveLength(3);
    expect(kinds.filter((k) => k === 'over-quota')).toHaveLength(2);
    expect(await store.accounts.fits(account.id, 0, quota)).toBe(false);
  });

  it('of a poisoned batch fails alone', async () => {
    const store = await stores.open();
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
    const store = await stores.open();
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
    const other = await stores.open();
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
    const store = await stores.open();
    const account = await newAccount(store);
    const bytes = mail(`refused ${randomBytes(8).toString('hex')}`);
    const one = await delivery(store, account, mail('Hi'), { quota: { bytes: 10, messages: 0 } });
    const refused = { ...one, content: await store.contents.arrived(bytes) };
    expect((await store.deliveries.deliver([refused])).map((r) => r.kind)).toEqual(['over-quota']);
    const { createConnection } = await import('mysql2/promise');
    const other = await createConnection(stores.url);
    const hash = createHash('sha256').update(bytes).digest();
    const [rows] = await other.query('SELECT id FROM content WHERE sha256 = ?', [hash]);
    await other.end();
    expect(rows).toEqual([]);
  });

  it('with a body of its own waits for a locked account without holding the body', async () => {
    const store = await stores.open();
    const locked = await newAccount(store);
    const free = await newAccount(store);
    const { createConnection } = await import('mysql2/promise');
    const other = await createConnection(stores.url);
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
    const store = await stores.open();
    const locked = await newAccount(store);
    const free = await newAccount(store);
    const { createConnection } = await import('mysql2/promise');
    const other = await createConnection(stores.url);
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
    const store = await stores.open();
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
    const store = await stores.open();
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
