import { createHash } from 'node:crypto';
import { composeDeliveryStatus, type RecipientStatus } from '@postern/shared/message/delivery-status.ts';
import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import type { SpoolEnvelope, SpoolRecipient } from './spool-file.ts';

/**
 * Where mail to a sender goes: inwards by LMTP for an account or alias of ours (never by SMTP), else outside. Undefined: the
 * directory does not tell now. An empty list: nowhere.
 */
export type ReturnRoutes = (address: string) => Promise<readonly SpoolRecipient[] | undefined>;

export interface NoticeOptions {
  readonly hostname: string;
  /** There is a way out. */
  readonly mailLeaves: boolean;
}

export interface NoticeFacts {
  readonly envelope: SpoolEnvelope;
  readonly content: Buffer;
  readonly recipients: readonly SpoolRecipient[];
  readonly route: readonly SpoolRecipient[];
  readonly nowMs: number;
  /** Of a delay: when delivery is given up. */
  readonly retryUntilMs?: number | undefined;
}

/** A message of our own, ready for the spool. */
export interface Notice {
  readonly envelope: SpoolEnvelope;
  readonly content: readonly Buffer[];
}

const UNKNOWN = { failed: reply(554, '5.0.0', 'The message was refused'), other: reply(451, '4.4.1', 'Not tried yet') };

/**
 * Whether the reverse-path may be sent a notice at all: none about mail with the null reverse-path and about our own notices
 * (RFC 3464 §2, RFC 3834 §2), and none to an address that may be forged (invariant 3).
 */
export function mayBeTold(envelope: SpoolEnvelope): boolean {
  return envelope.reversePath !== '' && envelope.purpose === undefined && envelope.senderAuthenticated === true;
}

/** RFC 3461 §4.1: whom NOTIFY names is told; without it, of failures and delays. */
export function wantsFailure({ notify }: SpoolRecipient): boolean {
  return notify === undefined || notify.includes('FAILURE');
}

export function wantsDelay({ notify, delayTold }: SpoolRecipient): boolean {
  return delayTold !== true && (notify === undefined || notify.includes('DELAY'));
}

export function wantsSuccess({ notify }: Pick<EnvelopeRecipient, 'notify'>): boolean {
  return notify?.includes('SUCCESS') === true;
}

/** A DSN about some recipients; undefined when its reader may not or cannot be told. */
export function noticeFor(
  action: 'failed' | 'delayed' | 'relayed' | 'delivered',
  facts: NoticeFacts,
  options: NoticeOptions,
): Notice | undefined {
  const { envelope, content, nowMs, route } = facts;
  const usable = route.filter((r) => r.route === 'store' || options.mailLeaves);
  if (!mayBeTold(envelope) || usable.length === 0) return undefined;
  const id = derivedId(envelope.deliveryId, `${action} ${facts.recipients.map((r) => r.address).join(' ')}`);
  const messageId = `${id}@${options.hostname}`;
  const body = composeDeliveryStatus({
    reportingMta: options.hostname,
    to: envelope.reversePath,
    messageId,
    nowMs,
    arrivalMs: envelope.receivedAt,
    envid: envelope.envid,
    // RFC 3461 §4.3: RET is about failures alone.
    returnFull: envelope.ret === 'FULL' && action === 'failed',
    original: content,
    recipients: facts.recipients.map(
      (recipient): RecipientStatus => ({
        finalRecipient: recipient.address,
        originalRecipient: recipient.orcpt,
        action,
        reply: recipient.reply ?? (action === 'failed' ? UNKNOWN.failed : UNKNOWN.other),
        remoteMta: recipient.remoteMta,
        lastAttemptMs: nowMs,
        retryUntilMs: facts.retryUntilMs,
      }),
    ),
  });
  return {
    content: [body],
    envelope: {
      ...newEnvelope(id, envelope, usable, `a DSN (${action})`, nowMs),
      messageId: `<${messageId}>`,
      // RFC 3464 §2: with the null reverse-path.
      reversePath: '',
      body: body.some((octet) => octet > 127) ? '8BITMIME' : '7BIT',
      smtpUtf8: /[^\x00-\x7f]/.test(envelope.reversePath),
      purpose: 'dsn',
    },
  };
}

export function newEnvelope(
  deliveryId: string,
  original: SpoolEnvelope,
  recipients: readonly SpoolRecipient[],
  cause: string,
  nowMs: number,
): Pick<SpoolEnvelope, 'deliveryId' | 'receivedAt' | 'cause' | 'client' | 'state'> {
  const state = { recipients: [...recipients], attempts: 0, nextTryAt: nowMs };
  return { deliveryId, receivedAt: nowMs, cause, client: original.client, state };
}

export function derivedId(deliveryId: string, purpose: string): string {
  return createHash('sha256').update(`${deliveryId} ${purpose}`).digest('hex').slice(0, 32);
}
