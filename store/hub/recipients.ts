import type { Directory } from '@postern/shared/directory/directory.ts';
import { type ExpansionLimits, expandRecipient } from '@postern/shared/directory/recipients.ts';
import { ADDRESS_REFUSAL_REPLIES, DIRECTORY_UNKNOWN_REPLY } from '@postern/shared/directory/refusal-reply.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';

/** Where mail to an address goes: into accounts of ours, and out of the house. */
export type Destination =
  | { readonly kind: 'found'; readonly accounts: readonly string[]; readonly outside: readonly string[] }
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
      const accounts = expansion.accounts.map(({ account }) => account.address);
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
