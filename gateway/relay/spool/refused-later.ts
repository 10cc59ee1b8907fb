import { createHash } from 'node:crypto';
import { composeDeliveryStatus } from '@postern/shared/message/delivery-status.ts';
import { reply, replyLine } from '@postern/shared/smtp/reply.ts';
import type { SpoolEnvelope, SpoolRecipient } from './spool-file.ts';

export interface RefusedLaterOptions {
  readonly hostname: string;
  /** An account of the store for mail that an administrator shall look at. */
  readonly quarantineAddress: string | undefined;
  /** There is a way out for a DSN. */
  readonly mailLeaves: boolean;
}

/** What becomes of a message that was answered 250 and then refused for good. */
export type Remedy =
  /** A message of its own is made durable and sent: the DSN, or the copy for the quarantine mailbox. */
  | { readonly kind: 'dsn' | 'quarantine'; readonly envelope: SpoolEnvelope; readonly content: readonly Buffer[] }
  | { readonly kind: 'hold'; readonly cause: string };

const REFUSED = reply(554, '5.0.0', 'The message was refused');

/**
 * Invariant 3: a DSN goes to a sender who was authenticated, and to nobody else, because a forged reverse-path is an
 * innocent's. All other mail goes to the quarantine mailbox, or is held. The id of the new message follows from the old
 * one, so that a crash between its writing and the old one's removal makes no second.
 *
 * @param failed recipients that were refused for good, at least one
 */
export function remedyFor(
  envelope: SpoolEnvelope,
  content: readonly Buffer[],
  failed: readonly SpoolRecipient[],
  options: RefusedLaterOptions,
  nowMs: number,
): Remedy {
  const [first] = failed;
  const cause = first?.reply === undefined ? 'refused' : replyLine(first.reply);
  // RFC 5321 §6.1: no notice about a notice; and a quarantine mailbox that refuses cannot be helped by itself.
  if (envelope.purpose !== undefined) return { kind: 'hold', cause };
  // RFC 3461 §4.1: whom NOTIFY names is told; without it, of failures.
  const told = failed.filter(({ notify }) => notify === undefined || notify.includes('FAILURE'));
  if (envelope.senderAuthenticated === true && envelope.reversePath !== '' && told.length > 0) {
    if (options.mailLeaves) return dsn(envelope, content, told, options.hostname, nowMs);
    return { kind: 'hold', cause: `${cause}; a DSN is due, but mail has no way out (outbound.smartHost)` };
  }
  if (options.quarantineAddress === undefined) return { kind: 'hold', cause };
  return quarantined(envelope, content, failed, options.quarantineAddress, nowMs);
}

function dsn(
  envelope: SpoolEnvelope,
  content: readonly Buffer[],
  told: readonly SpoolRecipient[],
  hostname: string,
  nowMs: number,
): Remedy {
  const id = derivedId(envelope.deliveryId, 'dsn');
  const messageId = `${id}@${hostname}`;
  const body = composeDeliveryStatus({
    reportingMta: hostname,
    to: envelope.reversePath,
    messageId,
    nowMs,
    arrivalMs: envelope.receivedAt,
    envid: envelope.envid,
    returnFull: envelope.ret === 'FULL',
    original: Buffer.concat(content),
    recipients: told.map((recipient) => ({
      finalRecipient: recipient.address,
      originalRecipient: recipient.orcpt,
      action: 'failed',
      reply: recipient.reply ?? REFUSED,
    })),
  });
  const notice: SpoolRecipient = { address: envelope.reversePath, route: 'smart-host', status: 'pending' };
  return {
    kind: 'dsn',
    content: [body],
    envelope: {
      ...newEnvelope(id, envelope, notice, 'a DSN goes outside', nowMs),
      messageId: `<${messageId}>`,
      // RFC 3464 §2: with the null reverse-path.
      reversePath: '',
      body: body.some((octet) => octet > 127) ? '8BITMIME' : '7BIT',
      smtpUtf8: /[^\x00-\x7f]/.test(envelope.reversePath),
      purpose: 'dsn',
    },
  };
}

function quarantined(
  envelope: SpoolEnvelope,
  content: readonly Buffer[],
  failed: readonly SpoolRecipient[],
  address: string,
  nowMs: number,
): Remedy {
  const reason = replyLine(failed[0]?.reply ?? REFUSED);
  const id = derivedId(envelope.deliveryId, 'quarantine');
  const recipient: SpoolRecipient = { address, route: 'store', notify: ['NEVER'], status: 'pending' };
  return {
    kind: 'quarantine',
    content: [
      Buffer.from(
        quarantineHeader(
          reason,
          failed.map((r) => r.address),
        ),
      ),
      ...content,
    ],
    envelope: {
      ...newEnvelope(id, envelope, recipient, 'refused after acceptance', nowMs),
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

function newEnvelope(
  deliveryId: string,
  original: SpoolEnvelope,
  recipient: SpoolRecipient,
  cause: string,
  nowMs: number,
): Pick<SpoolEnvelope, 'deliveryId' | 'receivedAt' | 'cause' | 'client' | 'state'> {
  const state = { recipients: [recipient], attempts: 0, nextTryAt: nowMs };
  return { deliveryId, receivedAt: nowMs, cause, client: original.client, state };
}

function derivedId(deliveryId: string, purpose: string): string {
  return createHash('sha256').update(`${deliveryId} ${purpose}`).digest('hex').slice(0, 32);
}
