import type { Account, Directory } from '@postern/shared/directory/directory.ts';
import { expandRecipient } from '@postern/shared/directory/recipients.ts';
import { ADDRESS_REFUSAL_REPLIES, DIRECTORY_UNKNOWN_REPLY } from '@postern/shared/directory/refusal-reply.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import type { LocalRecipient } from '../delivery/deliver.ts';
import { DELIVERY_REPLIES } from '../delivery/deliver.ts';
import type { Mailstore, QuotaLimits } from '../mailstore/mailstore.ts';

/** What RCPT comes to: an account of this store that has room, or the reply that refuses it, with its cause for the log. */
export type RecipientDecision =
  | { readonly kind: 'accepted'; readonly recipient: LocalRecipient }
  | { readonly kind: 'refused'; readonly reply: Reply; readonly cause: string };

export interface RecipientQuestions {
  readonly directory: Directory;
  readonly mailstore: Mailstore;
  /** Domain of bare targets of aliases. */
  readonly defaultDomain: string | undefined;
  /** For accounts for whom the directory names none. */
  readonly defaultQuota: QuotaLimits;
}

const SEVERAL_ACCOUNTS = reply(550, '5.3.5', 'This address is no mailbox; the gateway expands aliases');
const HELD_ACCOUNT = reply(451, '4.2.1', 'This mailbox waits for its administrator');

/**
 * Decides about one RCPT: the directory first, then the account's room for `sizeBytes` (0 when the peer announced no
 * SIZE). Rejects when the database is away.
 */
export async function decideRecipient(
  questions: RecipientQuestions,
  address: string,
  sizeBytes: number,
): Promise<RecipientDecision> {
  const found = await findAccount(questions, address);
  if (found.kind === 'refused') return found;
  const { account } = found;
  const ensured = await questions.mailstore.accounts.ensure({ uuid: account.uuid, address: account.address });
  if (ensured.kind === 'address-taken') {
    // Invariant 4: an unexpected entryUUID on a known address waits until an administrator adopts it.
    const cause = `the address is the store account of directory entry ${ensured.byUuid}, not of ${account.uuid}`;
    return { kind: 'refused', reply: HELD_ACCOUNT, cause };
  }
  const quota = quotaOf(account, questions.defaultQuota);
  if (!(await questions.mailstore.accounts.fits(ensured.account.id, sizeBytes, quota))) {
    return { kind: 'refused', reply: DELIVERY_REPLIES.overQuota, cause: 'over quota' };
  }
  return { kind: 'accepted', recipient: { address, account: ensured.account, quota, shell: account.shell } };
}

/** What the directory grants, or else the site. */
export function quotaOf({ quotaBytes, quotaMessages }: Account, site: QuotaLimits): QuotaLimits {
  return { bytes: quotaBytes ?? site.bytes, messages: quotaMessages ?? site.messages };
}

type Found =
  | { readonly kind: 'account'; readonly account: Account }
  | { readonly kind: 'refused'; readonly reply: Reply; readonly cause: string };

/**
 * Gateways send accounts' own addresses. One that has become an alias since (a spooled message, a person who left) is
 * followed as long as it leads to one account: a delivery id is good for one account.
 */
async function findAccount(questions: RecipientQuestions, address: string): Promise<Found> {
  const expansion = await expandRecipient(questions.directory, address, { defaultDomain: questions.defaultDomain });
  switch (expansion.kind) {
    case 'resolved': {
      const [only, ...others] = expansion.accounts;
      if (only !== undefined && others.length === 0 && expansion.outside.length === 0) {
        return { kind: 'account', account: only.account };
      }
      return { kind: 'refused', reply: SEVERAL_ACCOUNTS, cause: 'an alias of several or outside targets' };
    }
    case 'refused':
      return { kind: 'refused', reply: ADDRESS_REFUSAL_REPLIES[expansion.why], cause: expansion.why };
    case 'unknown':
      return { kind: 'refused', reply: DIRECTORY_UNKNOWN_REPLY, cause: expansion.cause };
    case 'failed':
      return { kind: 'refused', reply: SEVERAL_ACCOUNTS, cause: `alias: ${expansion.why} at ${expansion.at}` };
  }
}
