import { randomBytes } from 'node:crypto';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_FLAGS } from '../../store/mailstore/flags.ts';
import { CommitOutcomeUnknown, type Delivery, type Mailstore, openMailstore } from '../../store/mailstore/mailstore.ts';
import { type CommitWire, layCommitWire } from '../support/commit-wire.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

let database: TestDatabase;
let wire: CommitWire;
let store: Mailstore;

beforeAll(async () => {
  database = await startTestDatabase(WITHOUT_POWER_CUTS);
  wire = await layCommitWire(database.url);
  store = await openMailstore({ url: wire.url, connections: 3, log: silentLog() });
});

afterAll(async () => {
  await store?.close();
  wire?.close();
  await database?.stop();
});

let people = 0;
async function someDelivery(): Promise<Delivery> {
  const uuid = `22222222-0000-4000-8000-${String(++people).padStart(12, '0')}`;
  const ensured = await store.accounts.ensure({ uuid, address: `commit${people}@domain1.example` });
  if (ensured.kind !== 'ready') throw new Error(ensured.kind);
  return {
    key: { peer: 'relay', deliveryId: randomBytes(16).toString('hex'), recipient: ensured.account.address },
    account: ensured.account,
    content: await store.contents.arrived(Buffer.from(`Subject: ${people}\r\n\r\nHello\r\n`)),
    into: [{ mailbox: 'INBOX', flags: NO_FLAGS }],
    internalDate: new Date(),
    quota: { bytes: 0, messages: 0 },
    outcome: 'delivered',
    reply: reply(250, '2.0.0', 'Delivered'),
  };
}

describe('a connection that breaks at COMMIT', () => {
  for (const how of ['before', 'after'] as const) {
    it(`(${how} the server had it) leaves each message delivered once`, async () => {
      const batch = [await someDelivery(), await someDelivery()];
      const before = wire.cuts;
      wire.cutNext(how);
      const results = await store.deliveries.deliver(batch);
      expect(wire.cuts).toBe(before + 1);
      expect(results.map((r) => r.kind)).toEqual(
        how === 'before' ? ['delivered', 'delivered'] : ['repeated', 'repeated'],
      );
      for (const { account } of batch) expect((await store.accounts.usage(account.id)).messages).toBe(1);
    });

    it(`(${how} the server had it) is told to IMAP as unknown`, async () => {
      const { account } = await someDelivery();
      const content = await store.contents.put(Buffer.from('Subject: appended\r\n\r\nHello\r\n'));
      const inbox = await store.mailboxes.find(account.id, 'INBOX');
      const message = { content, flags: NO_FLAGS, internalDate: new Date() };
      wire.cutNext(how);
      await expect(store.messages.append(inbox?.id ?? 0, [message], { bytes: 0, messages: 0 })).rejects.toBeInstanceOf(
        CommitOutcomeUnknown,
      );
      expect((await store.accounts.usage(account.id)).messages).toBe(how === 'before' ? 0 : 1);
    });

    it(`(${how} the server had it) keeps a body once`, async () => {
      const bytes = Buffer.from(`Subject: body ${how}\r\n\r\n${randomBytes(20).toString('hex')}`);
      wire.cutNext(how);
      const { id } = await store.contents.put(bytes);
      expect((await store.messages.readBody(id)).equals(bytes)).toBe(true);
    });
  }

  it('a database that was away is used again when it is back', async () => {
    const [one, two] = [await someDelivery(), await someDelivery()];
    await database.kill();
    const away = await store.deliveries.deliver([one, two]);
    expect(away.map((r) => r.kind)).toEqual(['fault', 'fault']);
    expect(await store.check()).toMatchObject({ ok: false });
    await database.start();
    await expect.poll(async () => (await store.check()).ok, { timeout: 20_000 }).toBe(true);
    const results = await store.deliveries.deliver([one, two]);
    expect(results.map((r) => r.kind)).toEqual(['delivered', 'delivered']);
  });
});
