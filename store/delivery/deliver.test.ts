import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { describe, expect, it } from 'vitest';
import type { DeliverOptions, DeliverResult, Delivery, Mailstore } from '../mailstore/mailstore.ts';
import { type ArrivedMessage, DELIVERY_REPLIES, LocalDelivery, type LocalRecipient } from './deliver.ts';

const NOBODY: Buffer = Buffer.alloc(0);

const message: ArrivedMessage = {
  peer: 'relay',
  deliveryId: newDeliveryId(),
  reversePath: 'ann@a.example',
  bytes: Buffer.from('Subject: Hi\r\n\r\n'),
  traceBytes: 0,
  content: {
    id: Buffer.alloc(16, 1),
    sha256: Buffer.alloc(32, 2),
    sizeBytes: 10,
    prepared: { envelope: NOBODY, bodyStructure: NOBODY, headerFields: NOBODY, sentAtMs: undefined, threadHashes: [] },
  },
  receivedSha256: Buffer.alloc(32, 3),
  receivedAt: new Date(0),
};

const recipient = (id: number): LocalRecipient => ({
  address: `User${id}@domain1.example`,
  account: { id, uuid: `uuid-${id}`, address: `user${id}@domain1.example` },
  quota: { bytes: 0, messages: 0 },
});

const stored: DeliverResult = { kind: 'delivered', reply: DELIVERY_REPLIES.delivered, emailId: 'E1', messages: [] };

/** Local delivery over a mailstore of which only `deliver` is asked. */
function deliveryOver(
  deliver: (batch: readonly Delivery[], options?: DeliverOptions) => Promise<DeliverResult[]>,
  limits: { maxWaiting?: number; deadlineMs?: number } = {},
): LocalDelivery {
  const door: Pick<Mailstore, 'deliveries'> = { deliveries: { deliver, recorded: async () => undefined } };
  return new LocalDelivery(door as Mailstore, { batchMessages: 50, maxWaiting: 100, deadlineMs: 60_000, ...limits });
}

describe('LocalDelivery', () => {
  it('asks for one message in the INBOX, under the peer’s id and the hash of what the peer sent', async () => {
    const batches: (readonly Delivery[])[] = [];
    const delivery = deliveryOver(async (batch) => {
      batches.push(batch);
      return batch.map(() => stored);
    });
    expect(await delivery.deliver(message, recipient(1))).toEqual(stored);
    expect(batches).toHaveLength(1);
    expect(batches[0]?.[0]).toMatchObject({
      key: { peer: 'relay', deliveryId: message.deliveryId, recipient: 'user1@domain1.example' },
      sha256: message.receivedSha256,
      into: [{ mailbox: 'INBOX' }],
      outcome: 'delivered',
    });
  });

  it('commits the recipients of one message together', async () => {
    const sizes: number[] = [];
    const delivery = deliveryOver(async (batch) => {
      sizes.push(batch.length);
      return batch.map(() => stored);
    });
    await Promise.all([1, 2, 3].map((id) => delivery.deliver(message, recipient(id))));
    expect(sizes).toEqual([3]);
  });

  it('waits for a locked account without its neighbours', async () => {
    const calls: string[] = [];
    const delivery = deliveryOver(async (batch, options) => {
      calls.push(`${batch.map((d) => d.account.id)} ${options?.lockedAccounts ?? 'wait'}`);
      const report = options?.lockedAccounts === 'report';
      return batch.map((d) => (report && d.account.id === 1 ? { kind: 'locked' } : stored));
    });
    const outcomes = await Promise.all([1, 2].map((id) => delivery.deliver(message, recipient(id))));
    expect(outcomes.map((o) => o.kind)).toEqual(['delivered', 'delivered']);
    expect(calls).toEqual(['1,2 report', '1 wait']);
  });

  const recorded = { outcome: 'delivered' as const, reply: reply(250, '2.0.0', 'Then'), at: new Date(0) };
  it.each<[string, DeliverResult, object]>([
    ['a repetition', { kind: 'repeated', recorded }, { kind: 'repeated', reply: recorded.reply }],
    ['a full mailbox', { kind: 'over-quota' }, { kind: 'failed', reply: { code: 552, enhanced: '5.2.2' } }],
    ['other bytes', { kind: 'conflict' }, { kind: 'deferred', reply: { code: 451, enhanced: '4.3.5' }, alarm: true }],
    ['a fault', { kind: 'fault', cause: new Error('gone') }, { kind: 'deferred', reply: { code: 451 } }],
    ['a lock never got', { kind: 'locked' }, { kind: 'deferred', reply: { code: 451 } }],
  ])('answers %s', async (_, result, outcome) => {
    const delivery = deliveryOver(async () => [result]);
    expect(await delivery.deliver(message, recipient(1))).toMatchObject(outcome);
  });

  it('turns a rejection into “try again”', async () => {
    const delivery = deliveryOver(() => Promise.reject(new Error('no database')));
    expect(await delivery.deliver(message, recipient(1))).toEqual({
      kind: 'deferred',
      reply: DELIVERY_REPLIES.fault,
      cause: 'Error: no database',
    });
  });

  it('says “busy” and “late” rather than waiting without bound', async () => {
    const delivery = deliveryOver(() => new Promise(() => {}), { maxWaiting: 1, deadlineMs: 10 });
    const first = delivery.deliver(message, recipient(1));
    expect(await delivery.deliver(message, recipient(2))).toMatchObject({ reply: DELIVERY_REPLIES.overloaded });
    expect(await first).toMatchObject({ kind: 'deferred', reply: DELIVERY_REPLIES.late });
  });
});
