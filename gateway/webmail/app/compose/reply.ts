import type { Address, EmailBody, EmailHead } from '../jmap/types.ts';
import { withoutAddresses } from './addresses.ts';

/** `Re:` in the languages in which programs write it, `Fwd:` likewise; with counters such as `Re[2]:`. */
const REPLIED = /^(?:re|aw|antw|sv|r[eé]f?|rép)(?:\[\d+\])?\s?:\s*/i;
const FORWARDED = /^(?:fwd?|wg|tr|i)\s?:\s*/i;

/** RFC 5322 §3.6.5: one `Re: `, however often it went to and fro. */
export function replySubject(subject: string | null): string {
  let rest = subject ?? '';
  while (REPLIED.test(rest)) rest = rest.replace(REPLIED, '');
  return `Re: ${rest}`;
}

export function forwardSubject(subject: string | null): string {
  let rest = subject ?? '';
  while (FORWARDED.test(rest)) rest = rest.replace(FORWARDED, '');
  return `Fwd: ${rest}`;
}

/** RFC 5322 §3.6.4: the parent's id, and the line of its ancestors with it. */
export function threading({
  messageId,
  references,
  inReplyTo,
}: Pick<EmailBody, 'messageId' | 'references' | 'inReplyTo'>) {
  const parent = messageId ?? [];
  const ancestors = references ?? (inReplyTo?.length === 1 ? inReplyTo : []);
  return { inReplyTo: parent, references: [...new Set([...ancestors, ...parent])] };
}

export interface Recipients {
  readonly to: readonly Address[];
  readonly cc: readonly Address[];
}

/** Whom an answer goes to (RFC 5322 §3.6.3); `own` are the addresses of the one who answers. */
export function replyRecipients(
  kind: 'reply' | 'reply-all',
  head: Pick<EmailHead, 'from' | 'to'>,
  body: Pick<EmailBody, 'replyTo' | 'cc'>,
  own: readonly string[],
): Recipients {
  const mine = new Set(own.map((each) => each.toLowerCase()));
  const from = head.from ?? [];
  // Who answers what they sent themselves goes on writing to the same people.
  const isOwn = from.length > 0 && from.every(({ email }) => mine.has(email.toLowerCase()));
  const senders = isOwn ? (head.to ?? []) : body.replyTo?.length ? body.replyTo : from;
  if (kind === 'reply') return { to: withoutAddresses(senders, []), cc: [] };
  const others = isOwn ? [] : (head.to ?? []);
  const all = withoutAddresses([...senders, ...others], own);
  const to = all.length > 0 ? all : withoutAddresses(senders, []);
  return { to, cc: withoutAddresses(body.cc ?? [], [...own, ...to.map(({ email }) => email)]) };
}
