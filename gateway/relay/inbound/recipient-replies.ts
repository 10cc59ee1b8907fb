import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import type { AddressRefusal } from '@postern/shared/directory/directory.ts';
import type { Expansion } from '@postern/shared/directory/recipients.ts';
import { ADDRESS_REFUSAL_REPLIES, DIRECTORY_UNKNOWN_REPLY } from '@postern/shared/directory/refusal-reply.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';

/**
 * The table of replies to RCPT: pure policy. Codes are RFC 5321 §4.2.3, enhanced ones RFC 3463 §3. The peer is told
 * little; `cause` is for the log.
 */
export type RecipientDecision =
  | { readonly kind: 'go-on' }
  | { readonly kind: 'refuse'; readonly reply: Reply; readonly cause: string };

export const RECIPIENT_OK = reply(250, '2.1.5', 'Recipient ok');

export const TOO_MANY_RECIPIENTS = reply(452, '4.5.3', 'Too many recipients, please send the others separately');

const REFUSALS: Readonly<Record<AddressRefusal, Reply>> = {
  ...ADDRESS_REFUSAL_REPLIES,
  // RFC 3463 §3.8: towards strangers it matters that this host is no open relay.
  'no-such-domain': reply(550, '5.7.1', 'Relaying denied'),
};

const FAILURES: Readonly<Record<'loop' | 'too-deep' | 'too-many-targets', Reply>> = {
  loop: reply(550, '5.4.6', 'This address leads back to itself'),
  'too-deep': reply(550, '5.4.6', 'This address leads through too many others'),
  'too-many-targets': reply(550, '5.5.3', 'This address leads to too many others'),
};

/** RFC 3463 §3.8: the client asked for too many addresses that nobody has. */
export const TOO_MANY_GUESSES = reply(450, '4.7.1', 'Too many unknown recipients from your address, try again later');

export const STORE_NOT_CONFIGURED = reply(451, '4.3.5', 'The mail system is not set up well, please try again later');

export const BOUNCE_ADDRESS_REFUSALS: Readonly<Record<'malformed' | 'forged' | 'expired' | 'no-bounce', Reply>> = {
  malformed: reply(550, '5.1.1', 'No such user here'),
  forged: reply(550, '5.1.1', 'No such user here'),
  expired: reply(550, '5.1.6', 'This bounce address has expired'),
  'no-bounce': reply(550, '5.7.1', 'This address takes bounces alone'),
};

const OUTSIDE_ONLY = reply(550, '5.7.1', 'This address forwards to the outside, which is not offered here');

/** What the directory's answer means for RCPT. `mailLeaves`: copies for outside targets have a way out. */
export function decideByDirectory(expansion: Expansion, mailLeaves: boolean): RecipientDecision {
  switch (expansion.kind) {
    case 'resolved':
      if (expansion.accounts.length > 0 || mailLeaves) return { kind: 'go-on' };
      return { kind: 'refuse', reply: OUTSIDE_ONLY, cause: `outside targets only: ${expansion.outside.join(' ')}` };
    case 'refused':
      return { kind: 'refuse', reply: REFUSALS[expansion.why], cause: expansion.why };
    case 'failed':
      return { kind: 'refuse', reply: FAILURES[expansion.why], cause: `alias ${expansion.why} at ${expansion.at}` };
    case 'unknown':
      return { kind: 'refuse', reply: DIRECTORY_UNKNOWN_REPLY, cause: expansion.cause };
  }
}

/**
 * What the store's word on the expanded accounts means for RCPT: go on as long as one account takes the mail. A store
 * that is away, late or unwell has said nothing of the recipient, and the spool can wait for it; a full mailbox (4.2.z) is
 * the recipient's own matter and is told to the sender, who keeps the message (invariant 3).
 *
 * @param outcomes one an account; undefined where the store did not answer in time
 */
export function decideByStore(outcomes: readonly (Outcome | undefined)[]): RecipientDecision {
  let refusal: RecipientDecision | undefined;
  for (const outcome of outcomes) {
    const one = decideOne(outcome);
    if (one.kind === 'go-on') return one;
    // A transient refusal goes before a permanent one: the alias may work tomorrow.
    if (refusal === undefined || (refusal.kind === 'refuse' && refusal.reply.code >= 500)) refusal = one;
  }
  return refusal ?? { kind: 'go-on' };
}

function decideOne(outcome: Outcome | undefined): RecipientDecision {
  if (outcome === undefined || outcome.kind === 'delivered') return { kind: 'go-on' };
  const cause = outcome.cause ?? 'the store refused the recipient';
  if (outcome.kind === 'deferred') {
    return outcome.reply.enhanced.startsWith('4.2.')
      ? { kind: 'refuse', reply: outcome.reply, cause }
      : { kind: 'go-on' };
  }
  // RFC 3463 §3.6: 5.5.z is about the protocol, so it is our fault or the store's, and no word on the recipient.
  if (outcome.reply.enhanced.startsWith('5.5.') || (outcome.reply.enhanced === '' && outcome.reply.code < 550)) {
    const mine = reply(451, '4.3.5', 'The mail system is not set up well, please try again later');
    return { kind: 'refuse', reply: mine, cause: `the store answered ${outcome.reply.code} ${outcome.reply.text}` };
  }
  return { kind: 'refuse', reply: outcome.reply, cause };
}
