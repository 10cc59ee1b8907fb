import type { Account, Directory } from '@postern/shared/directory/directory.ts';
import { type ExpansionLimits, expandRecipient } from '@postern/shared/directory/recipients.ts';
import { ADDRESS_REFUSAL_REPLIES, DIRECTORY_UNKNOWN_REPLY } from '@postern/shared/directory/refusal-reply.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import { DELIVERY_REPLIES } from '../delivery/deliver.ts';
import { quotaOf } from '../lmtp/recipient.ts';
import type { Mailstore, QuotaLimits } from '../mailstore/mailstore.ts';
import type { OtherStores } from './outgoing/other-stores.ts';

/** Where mail to an address goes: into accounts of ours, and out of the house. */
export type Destination =
  | { readonly kind: 'found'; readonly accounts: readonly Account[]; readonly outside: readonly string[] }
  | { readonly kind: 'refused'; readonly reply: Reply; readonly cause: string }
  | { readonly kind: 'unknown'; readonly reply: Reply; readonly cause: string };

const BAD_ALIAS = reply(550, '5.4.6', 'This address leads nowhere: its aliases are in a loop, or too many');

/** An address that is not hosted here goes out; everything else is the directory's to say, as at the gateway. */
export async function destinationOf(
  directory: Directory,
  address: string,
  limits: ExpansionLimits,
): Promise<Destination> {
  const expansion = await expandRecipient(directory, address, limits);
  switch (expansion.kind) {
    case 'resolved': {
      const accounts = expansion.accounts.map(({ account }) => account);
      return { kind: 'found', accounts, outside: expansion.outside };
    }
    case 'unknown':
      return { kind: 'unknown', reply: DIRECTORY_UNKNOWN_REPLY, cause: expansion.cause };
    case 'failed':
      return { kind: 'refused', reply: BAD_ALIAS, cause: `alias: ${expansion.why} at ${expansion.at}` };
    case 'refused':
      if (expansion.why === 'no-such-domain' && (await isOutside(directory, address))) {
        return { kind: 'found', accounts: [], outside: [address] };
      }
      return { kind: 'refused', reply: ADDRESS_REFUSAL_REPLIES[expansion.why], cause: expansion.why };
  }
}

/** Of a domain that is not ours itself; an alias of ours may lead to one, too. */
async function isOutside(directory: Directory, address: string): Promise<boolean> {
  const answer = await directory.lookUp(address);
  return answer.kind === 'refused' && answer.why === 'no-such-domain';
}

export interface RoomQuestions {
  readonly mailstore: Mailstore;
  readonly stores: Pick<OtherStores, 'homeOf'>;
  /** For accounts for whom the directory names none. */
  readonly defaultQuota: QuotaLimits;
}

/**
 * A mailbox that has no room is refused while its sender listens (invariant 3), where the address leads to it alone. Rejects when the
 * database is away.
 *
 * @param sizeBytes what was announced; 0 asks whether it is full already
 */
export async function refusedAsFull(
  { mailstore, defaultQuota, stores }: RoomQuestions,
  { accounts, outside }: Extract<Destination, { kind: 'found' }>,
  sizeBytes: number,
): Promise<{ readonly reply: Reply; readonly cause: string } | undefined> {
  const [only, ...others] = accounts;
  if (only === undefined || others.length + outside.length > 0) return undefined;
  // Another store says so itself, when the message comes there.
  if (stores.homeOf(only).kind !== 'here') return undefined;
  const { uuid, address } = only;
  const ensured = await mailstore.accounts.ensure({ uuid, address });
  if (ensured.kind !== 'ready') return undefined;
  if (await mailstore.accounts.fits(ensured.account.id, sizeBytes, quotaOf(only, defaultQuota))) return undefined;
  return { reply: DELIVERY_REPLIES.overQuota, cause: 'over quota' };
}
