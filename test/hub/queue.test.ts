import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QueueRunner } from '../../store/hub/outgoing/runner.ts';
import {
  type ClaimedOutgoing,
  type Mailstore,
  type NewSubmission,
  openMailstore,
  type StoredAccount,
} from '../../store/mailstore/mailstore.ts';
import { letter, somebody, someDelivery } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

const NO_LIMITS = { messagesPerDay: 0, recipientsPerDay: 0, messagesPerMinute: 0 };
const SENT = reply(250, '2.0.0', 'Delivered');
const LATER = reply(451, '4.3.0', 'Not now');

let server: TestDatabase;
/** Two processes, as far as the database can tell. */
let one: Mailstore;
let other: Mailstore;

beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
  const url = await server.createDatabase();
  one = await openMailstore({ url, connections: 6, log: silentLog() });
  other = await openMailstore({ url, connections: 6, log: silentLog() });
});

afterAll(async () => {
  await one?.close();
  await other?.close();
  await server?.stop();
});

async function submission(account: StoredAccount, more: Partial<NewSubmission> = {}): Promise<NewSubmission> {
  const content = await one.contents.put(letter('queued'));
  return {
    id: newDeliveryId(),
    account,
    message: {
      cause: 'submission',
      reversePath: account.address,
      recipients: [{ address: 'a@far.example', notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;b@far.example' }],
      content,
    },
    countedAs: `account/${account.id}`,
    limits: NO_LIMITS,
    ...more,
  };
}

/** Claims until the message is among them; others of this database are given back. */
async function claim(store: Mailstore, id: string, claimant: string, leaseMs = 60_000): Promise<ClaimedOutgoing> {
  for (const claimed of await store.outgoing.claimDue(100, claimant, leaseMs)) if (claimed.id === id) return claimed;
  throw new Error('not due');
}

describe('the queue of what is to be sent', () => {
  it('keeps envelope and DSN parameters, and takes the same id once', async () => {
    const account = await somebody(one);
    const given = await submission(account);
    expect(await one.outgoing.submit(given)).toEqual({ kind: 'taken' });
    expect(await other.outgoing.submit(given)).toEqual({ kind: 'known', id: given.id });
    const claimed = await claim(other, given.id, 'w1');
    expect(claimed).toMatchObject({
      cause: 'submission',
      account,
      attempts: 1,
      message: { reversePath: account.address },
      recipients: [
        {
          n: 1,
          address: 'a@far.example',
          notify: ['SUCCESS', 'DELAY'],
          orcpt: 'rfc822;b@far.example',
          state: 'pending',
        },
      ],
    });
    expect(await other.messages.readBody(claimed.contentId)).toEqual(
      await one.messages.readBody((given.message.content as { id: Buffer }).id),
    );
    expect(
      await other.outgoing.settle(given.id, 'w1', {
        recipients: [{ n: 1, state: 'relayed', reply: SENT }],
        causes: [],
      }),
    ).toBe('done');
    expect(await one.outgoing.show(given.id)).toMatchObject({
      state: 'done',
      recipients: [{ state: 'relayed', reply: SENT }],
    });
  });

  it('gives a message to one of two claimants, and again to another when the lease has run out', async () => {
    const account = await somebody(one);
    const all = await Promise.all(Array.from({ length: 20 }, () => submission(account)));
    await Promise.all(all.map((each) => one.outgoing.submit(each)));
    const claims = await Promise.all(
      [one, other, one, other].map((store, i) => store.outgoing.claimDue(8, `c${i}`, 60_000)),
    );
    const ids = claims.flat().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);

    const late = await submission(account);
    await one.outgoing.submit(late);
    await claim(one, late.id, 'dead', 0);
    await claim(other, late.id, 'alive');
    expect(await one.outgoing.renew([late.id], 'dead', 1_000)).toEqual([]);
    const settled = { recipients: [{ n: 1, state: 'delivered' as const, reply: SENT }], causes: [] };
    expect(await one.outgoing.settle(late.id, 'dead', settled)).toBe('claim-lost');
    expect(await other.outgoing.settle(late.id, 'alive', settled)).toBe('done');
  });

  it('commits a DSN with the failure that it tells, once', async () => {
    const account = await somebody(one);
    const given = await submission(account);
    await one.outgoing.submit(given);
    await claim(one, given.id, 'w');
    const content = await one.contents.put(letter('a DSN'));
    const failure = {
      recipients: [{ n: 1, state: 'failed' as const, reply: reply(550, '5.1.1', 'No such user') }],
      causes: [{ cause: 'dsn' as const, reversePath: '', recipients: [{ address: account.address }], content }],
    };
    expect(await one.outgoing.settle(given.id, 'w', failure)).toBe('done');
    expect(await one.outgoing.settle(given.id, 'w', failure)).toBe('claim-lost');
    const waiting = await one.outgoing.list({ account: account.address });
    expect(waiting).toMatchObject([{ cause: 'dsn', reversePath: '', state: 'pending' }]);
  });

  it('freezes where recipients go: an alias is expanded once', async () => {
    const account = await somebody(one);
    const given = await submission(account);
    await one.outgoing.submit(given);
    await claim(one, given.id, 'w');
    const becomes = ['x@domain1.example', 'y@domain1.example'].map((address) => ({
      recipient: { address },
      route: { kind: 'local' as const },
    }));
    await one.outgoing.route(given.id, 'w', [{ n: 1, expanded: true, becomes }]);
    await one.outgoing.route(given.id, 'w', [{ n: 1, expanded: true, becomes }]);
    const shown = await one.outgoing.show(given.id);
    expect(shown?.recipients.map(({ n, address, state }) => [n, address, state])).toEqual([
      [1, 'a@far.example', 'expanded'],
      [2, 'x@domain1.example', 'pending'],
      [3, 'y@domain1.example', 'pending'],
    ]);
  });

  it('undoes what nobody has touched, and nothing else', async () => {
    const account = await somebody(one);
    const stranger = await somebody(one);
    const [early, late] = [await submission(account), await submission(account)];
    await one.outgoing.submit(early);
    await one.outgoing.submit(late);
    expect(await one.outgoing.undo(stranger.id, early.id)).toBe('no-such-message');
    expect(await one.outgoing.undo(account.id, early.id)).toBe('cancelled');
    await claim(one, late.id, 'w');
    expect(await one.outgoing.undo(account.id, late.id)).toBe('too-late');
    await one.outgoing.settle(late.id, 'w', { recipients: [{ n: 1, state: 'pending', reply: LATER }], causes: [] });
    await one.outgoing.defer(late.id, 'w', 0);
    expect(await one.outgoing.undo(account.id, late.id)).toBe('too-late');
    expect(await one.outgoing.show(early.id)).toMatchObject({
      state: 'cancelled',
      recipients: [{ state: 'cancelled' }],
    });
  });

  it('lets an administrator hold, release and cancel, but not what a worker has', async () => {
    const account = await somebody(one);
    const given = await submission(account);
    await one.outgoing.submit(given);
    expect(await one.outgoing.administer(given.id, 'hold')).toBe('done');
    await expect(claim(one, given.id, 'w')).rejects.toThrow('not due');
    expect(await one.outgoing.administer(given.id, 'release')).toBe('done');
    await claim(one, given.id, 'w');
    expect(await one.outgoing.administer(given.id, 'cancel')).toBe('busy');
    await one.outgoing.defer(given.id, 'w', 3_600_000);
    expect(await one.outgoing.administer(given.id, 'retry')).toBe('done');
    await claim(one, given.id, 'w');
    await one.outgoing.defer(given.id, 'w', 0);
    expect(await one.outgoing.administer(given.id, 'cancel')).toBe('done');
    expect(await one.outgoing.administer(given.id, 'retry')).toBe('finished');
    expect(await one.outgoing.administer('nothing', 'retry')).toBe('no-such-message');
  });

  it('counts what a sender sends exactly, whoever takes it', async () => {
    const account = await somebody(one);
    const limits = { messagesPerDay: 5, recipientsPerDay: 0, messagesPerMinute: 0 };
    const all = await Promise.all(Array.from({ length: 12 }, () => submission(account, { limits })));
    const results = await Promise.all(all.map((each, i) => (i % 2 === 0 ? one : other).outgoing.submit(each)));
    expect(results.filter(({ kind }) => kind === 'taken')).toHaveLength(5);
    expect(results.find(({ kind }) => kind === 'over-limit')).toEqual({ kind: 'over-limit', limit: 'messagesPerDay' });
  });

  it.each(['recipientsPerDay', 'messagesPerMinute'] as const)('keeps a sender to %s', async (limit) => {
    const account = await somebody(one);
    const limits = { ...NO_LIMITS, [limit]: 3 };
    const results = [];
    for (let n = 0; n < 4; n++) results.push(await one.outgoing.submit(await submission(account, { limits })));
    expect(results.slice(0, 3).map(({ kind }) => kind)).toEqual(['taken', 'taken', 'taken']);
    expect(results[3]).toEqual({ kind: 'over-limit', limit });
  });

  it('has what a delivery caused, with the account that caused it', async () => {
    const account = await somebody(one);
    const content = await one.contents.put(letter('redirected'));
    const outgoing = [
      { cause: 'redirect' as const, reversePath: 'x@far.example', recipients: [{ address: 'y@far.example' }], content },
    ];
    const given = await someDelivery(one, account, { outgoing, into: [] });
    expect(await one.deliveries.deliver([given])).toMatchObject([{ kind: 'delivered' }]);
    expect(await one.deliveries.deliver([given])).toMatchObject([{ kind: 'repeated' }]);
    const [row, ...more] = await one.outgoing.list({ account: account.address });
    expect(more).toEqual([]);
    expect(row).toMatchObject({ id: `${given.key.deliveryId}/${account.id}/1`, cause: 'redirect' });
  });
});

describe('the runner', () => {
  const options = {
    concurrency: 20,
    pollMs: 20,
    leaseMs: 600_000,
    retry: { firstMs: 50, maxMs: 100 },
    log: silentLog(),
  };

  it('tries a message again whose sending threw, long before its lease ends', async () => {
    const given = await submission(await somebody(one));
    await one.outgoing.submit(given);
    let tries = 0;
    const runner = new QueueRunner({
      ...options,
      mailstore: one,
      memoryBytes: 1_048_576,
      async work({ id }, claimant) {
        if (id === given.id && tries++ < 2) throw new Error('a fault of ours');
        await one.outgoing.settle(id, claimant, { recipients: [{ n: 1, state: 'relayed', reply: SENT }], causes: [] });
      },
    });
    try {
      await expect.poll(async () => (await one.outgoing.show(given.id))?.state, { timeout: 60_000 }).toBe('done');
      expect(tries).toBe(3);
    } finally {
      await runner.close(0);
    }
  }, 90_000);

  it('has no more octets in hand than it may, and sends a larger message alone', async () => {
    const account = await somebody(one);
    const sizes = [40_000, 40_000, 40_000, 40_000, 200_000, 40_000];
    const ids = new Set<string>();
    for (const size of sizes) {
      const content = await one.contents.put(letter(`of ${size}`, `${'x'.repeat(70)}\r\n`.repeat(size / 72)));
      const given = await submission(account);
      await one.outgoing.submit({ ...given, message: { ...given.message, content } });
      ids.add(given.id);
    }
    let inHand = 0;
    let [most, together] = [0, 0];
    const runner = new QueueRunner({
      ...options,
      mailstore: one,
      memoryBytes: 100_000,
      async work({ id, contentBytes }, claimant) {
        const before = inHand;
        inHand += contentBytes;
        most = Math.max(most, inHand);
        if (contentBytes > 100_000) together = before;
        await one.outgoing.show(id);
        await one.outgoing.settle(id, claimant, { recipients: [{ n: 1, state: 'relayed', reply: SENT }], causes: [] });
        inHand -= contentBytes;
        ids.delete(id);
      },
    });
    try {
      await expect.poll(() => ids.size, { timeout: 60_000 }).toBe(0);
      expect(together).toBe(0);
      expect(most).toBeLessThan(210_000);
    } finally {
      await runner.close(0);
    }
  }, 90_000);
});
