import type { ClientPool } from '@postern/shared/smtp/client-pool.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import type { ClaimedOutgoing, OutgoingRecipient, RecipientState } from '../../mailstore/mailstore.ts';
import type { HubConfig } from '../settings.ts';
import type { OtherStores } from './other-stores.ts';

/** What one try of one recipient came to. */
export interface TryResult {
  readonly recipient: OutgoingRecipient;
  readonly state: RecipientState;
  readonly reply: Reply;
  readonly cause?: string | undefined;
  /** Whose words the reply are, if another server's. */
  readonly remoteMta?: string | undefined;
}

/** A message on its way to another server, with the ways there. */
export interface Hop {
  readonly config: HubConfig;
  /** The way out; undefined: mail to the outside waits. */
  readonly relay: ClientPool | undefined;
  readonly stores: Pick<OtherStores, 'poolOf'>;
  readonly deliveryId: string;
  readonly message: ClaimedOutgoing['message'];
  /** The same at every try. */
  readonly bytes: () => Promise<Buffer>;
}

const NO_WAY_OUT = reply(451, '4.4.1', 'There is no way out of the house now');
const NO_WAY_THERE = reply(451, '4.3.5', 'There is no way to the store of this account now');

/** Outside recipients: each group is one transaction. */
export async function toRelay(hop: Hop, recipients: readonly OutgoingRecipient[]): Promise<TryResult[]> {
  const { relay, config } = hop;
  if (relay === undefined) return waiting(recipients, NO_WAY_OUT, 'hub.relay is not set');
  const groups = grouped(recipients, ({ route }) => (route?.kind === 'relay' ? route.group : undefined));
  const next = config.relay?.serverName ?? config.relay?.host;
  const results: TryResult[] = [];
  for (const group of groups.values()) results.push(...(await passOn(hop, relay, group, next)));
  return results;
}

/** Accounts that live elsewhere: one transaction for each store. LMTP answers for the mailbox, so that it is delivered then (RFC 2033 §4.2). */
export async function toStores(hop: Hop, recipients: readonly OutgoingRecipient[]): Promise<TryResult[]> {
  const groups = grouped(recipients, ({ route }) => (route?.kind === 'store' ? route.store : undefined));
  const sent = [...groups].map(([name, group]) => {
    const pool = hop.stores.poolOf(name);
    return pool === undefined
      ? waiting(group, NO_WAY_THERE, `hub.stores has no ${name}`)
      : passOn(hop, pool, group, name, 'delivered');
  });
  return (await Promise.all(sent)).flat();
}

/** One transaction. The next hop knows a repetition by the id, the bytes and each recipient. */
async function passOn(
  { bytes, message, deliveryId }: Hop,
  pool: ClientPool,
  group: readonly OutgoingRecipient[],
  next: string | undefined,
  taken: 'relayed' | 'delivered' = 'relayed',
): Promise<TryResult[]> {
  const content = await bytes();
  const { reversePath, smtpUtf8 = false, ret, envid, requireTls } = message;
  const recipients = group.map(({ address, notify, orcpt }) => ({
    address,
    notify,
    orcpt: orcpt ?? `rfc822;${address}`,
  }));
  const body = content.every((octet) => octet < 128) ? '7BIT' : '8BITMIME';
  const envelope = { reversePath, recipients, body, smtpUtf8, ret, envid, requireTls } as const;
  const outcomes = await pool.send(envelope, content, { deliveryId, size: content.length });
  return group.map((recipient, i): TryResult => {
    const outcome = outcomes[i];
    if (outcome === undefined) throw new Error('fewer outcomes than recipients');
    const state = ({ delivered: taken, deferred: 'pending', failed: 'failed' } as const)[outcome.kind];
    const cause = outcome.kind === 'delivered' ? undefined : outcome.cause;
    return { recipient, state, reply: outcome.reply, cause, remoteMta: next };
  });
}

function waiting(recipients: readonly OutgoingRecipient[], answer: Reply, cause: string): TryResult[] {
  return recipients.map((recipient) => ({ recipient, state: 'pending', reply: answer, cause }));
}

/** By a key; without one they are left out. */
function grouped<K>(
  recipients: readonly OutgoingRecipient[],
  keyOf: (recipient: OutgoingRecipient) => K | undefined,
): Map<K, OutgoingRecipient[]> {
  const groups = new Map<K, OutgoingRecipient[]>();
  for (const recipient of recipients) {
    const key = keyOf(recipient);
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), recipient]);
  }
  return groups;
}
