import { domainToASCII } from 'node:url';
import type { Reply } from '../smtp/reply.ts';
import type { Account, Directory } from './directory.ts';
import { type ExpansionLimits, expandRecipient } from './recipients.ts';
import { DIRECTORY_UNKNOWN_REPLY } from './refusal-reply.ts';

/** Whether a user may send under an address. */
export type SenderDecision =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'refused' }
  /** The directory did not tell: 451, never 553 (invariant 4). */
  | { readonly kind: 'unknown'; readonly cause: string };

export interface SenderRules {
  readonly directory: Directory;
  readonly expansion: ExpansionLimits;
  /** Users by lower-case address that they may send as, beside what the directory says. */
  readonly delegates: Readonly<Record<string, readonly string[]>>;
}

const ALLOWED: SenderDecision = { kind: 'allowed' };

/**
 * RFC 6409 §6.1: an address belongs to a user who receives its mail (the own one, with any tag, and aliases that lead to the account),
 * or to whom it was delegated: by the entry of the account that has it, or by the settings.
 */
export async function maySendAs(rules: SenderRules, user: Account, address: string): Promise<SenderDecision> {
  const wanted = canonicalAddress(address);
  if (wanted === undefined) return { kind: 'refused' };
  if (wanted === user.address || rules.delegates[wanted]?.includes(user.address) === true) return ALLOWED;
  // Said by the entry of the address, so that whoever administers its domain decides, and nobody else.
  const answer = await rules.directory.lookUp(wanted);
  if (answer.kind === 'account' && answer.account.delegates?.includes(user.address) === true) return ALLOWED;
  const expansion = await expandRecipient(rules.directory, wanted, rules.expansion);
  if (expansion.kind === 'unknown') return expansion;
  const belongs = expansion.kind === 'resolved' && expansion.accounts.some(({ account }) => account.uuid === user.uuid);
  return belongs ? ALLOWED : { kind: 'refused' };
}

/** The reply that refuses it, with its cause for the log; undefined when the user may. */
export async function refusedSender(
  rules: SenderRules,
  user: Account,
  address: string,
  answer: Reply,
): Promise<{ readonly reply: Reply; readonly cause: string } | undefined> {
  const decision = await maySendAs(rules, user, address);
  if (decision.kind === 'allowed') return undefined;
  if (decision.kind === 'unknown') return { reply: DIRECTORY_UNKNOWN_REPLY, cause: decision.cause };
  return { reply: answer, cause: `${user.address} may not send as ${address}` };
}

/** Lower case, the domain as A-labels; undefined when it is no address of a domain. */
function canonicalAddress(address: string): string | undefined {
  const at = address.lastIndexOf('@');
  const domain = at < 1 ? '' : domainToASCII(address.slice(at + 1));
  return domain === '' ? undefined : `${address.slice(0, at)}@${domain}`.toLowerCase();
}
