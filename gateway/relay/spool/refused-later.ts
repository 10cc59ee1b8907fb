import { reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { derivedId, mayBeTold, type NoticeOptions, newEnvelope, noticeFor, wantsFailure } from './notices.ts';
import type { SpoolEnvelope, SpoolRecipient } from './spool-file.ts';

export interface RefusedLaterOptions extends NoticeOptions {
  /** An account of the store for mail that an administrator shall look at. */
  readonly quarantineAddress: string | undefined;
}

/** What becomes of a message that was answered 250 and then refused for good. */
export type Remedy =
  /** A message of its own is made durable and sent: the DSN, or the copy for the quarantine mailbox. */
  | { readonly kind: 'dsn' | 'quarantine'; readonly envelope: SpoolEnvelope; readonly content: readonly Buffer[] }
  /** Nobody wants to know. */
  | { readonly kind: 'dropped'; readonly cause: string }
  | { readonly kind: 'hold'; readonly cause: string };

const REFUSED = reply(554, '5.0.0', 'The message was refused');

/**
 * Invariant 3: a DSN goes to a sender who was authenticated, and to nobody else, because a forged reverse-path is an
 * innocent's. Mail from the Internet whose sender cannot be told goes to the quarantine mailbox, or is held; mail of the house
 * whose sender wants no word (null reverse-path, NOTIFY without FAILURE) ends here.
 *
 * @param failed recipients that were refused for good, at least one
 * @param route where mail to the sender goes
 */
export function remedyFor(
  envelope: SpoolEnvelope,
  content: Buffer,
  failed: readonly SpoolRecipient[],
  route: readonly SpoolRecipient[],
  options: RefusedLaterOptions,
  nowMs: number,
): Remedy {
  const [first] = failed;
  const cause = first?.reply === undefined ? 'refused' : replyLine(first.reply);
  // RFC 5321 §6.1: no notice about a notice; and a quarantine mailbox that refuses cannot be helped by itself.
  if (envelope.purpose !== undefined) return { kind: 'hold', cause };
  const told = failed.filter(wantsFailure);
  if (mayBeTold(envelope) && told.length > 0) {
    const notice = noticeFor('failed', { envelope, content, recipients: told, route, nowMs }, options);
    if (notice !== undefined) return { kind: 'dsn', ...notice };
    return { kind: 'hold', cause: `${cause}; a DSN is due, but mail to <${envelope.reversePath}> has no way` };
  }
  const isOurs = envelope.origin !== undefined;
  if (isOurs && (told.length === 0 || envelope.reversePath === '')) return { kind: 'dropped', cause };
  if (options.quarantineAddress === undefined) return { kind: 'hold', cause };
  return quarantined(envelope, content, failed, options.quarantineAddress, nowMs);
}

function quarantined(
  envelope: SpoolEnvelope,
  content: Buffer,
  failed: readonly SpoolRecipient[],
  address: string,
  nowMs: number,
): Remedy {
  const reason = replyLine(failed[0]?.reply ?? REFUSED);
  const addresses = failed.map((r) => r.address);
  const id = derivedId(envelope.deliveryId, `quarantine ${addresses.join(' ')}`);
  const recipient: SpoolRecipient = { address, route: 'store', notify: ['NEVER'], status: 'pending' };
  return {
    kind: 'quarantine',
    content: [Buffer.from(quarantineHeader(reason, addresses)), content],
    envelope: {
      ...newEnvelope(id, envelope, [recipient], 'refused after acceptance', nowMs),
      messageId: envelope.messageId,
      reversePath: envelope.reversePath,
      body: envelope.body,
      smtpUtf8: envelope.smtpUtf8,
      purpose: 'quarantine',
    },
  };
}

/** Tells the administrator who looks into the quarantine mailbox why a message is there, and for whom it was. */
export function quarantineHeader(reason: string, recipients: readonly string[]): string {
  const safe = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 900);
  return [
    `X-Postern-Quarantine: ${safe(reason)}\r\n`,
    ...recipients.map((address) => `X-Postern-Quarantine-For: <${safe(address)}>\r\n`),
  ].join('');
}
