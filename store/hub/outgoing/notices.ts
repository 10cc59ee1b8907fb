import { composeDeliveryStatus, type RecipientStatus } from '@postern/shared/message/delivery-status.ts';
import type { Reply } from '@postern/shared/smtp/reply.ts';
import type { ClaimedOutgoing, OutgoingRecipient } from '../../mailstore/mailstore.ts';

/** What became of a recipient in a try, as far as a sender may want to be told. */
export interface Settled {
  readonly recipient: OutgoingRecipient;
  readonly action: 'failed' | 'delayed' | 'delivered' | 'expanded';
  readonly reply: Reply;
  /** Whether the reply is that of another server. */
  readonly remoteMta?: string | undefined;
}

/** A DSN that is due. */
export interface Notice {
  readonly to: string;
  readonly action: Settled['action'];
  readonly recipients: readonly string[];
  readonly content: Buffer;
}

export interface NoticeFacts {
  readonly claimed: ClaimedOutgoing;
  readonly hostname: string;
  /** The message as it was queued; read only when a notice is due. */
  readonly original: () => Promise<Buffer>;
  /** Makes the Message-ID of each notice, without brackets. */
  readonly newMessageId: () => string;
  readonly nowMs: number;
  readonly retryUntilMs: number;
}

const KEYWORDS = { failed: 'FAILURE', delayed: 'DELAY', delivered: 'SUCCESS', expanded: 'SUCCESS' } as const;
const ACTIONS = ['failed', 'delayed', 'delivered', 'expanded'] as const;

/** Composes the DSNs that a settlement causes: one for each action, to who wants to know (RFC 3461 §4.1, §5.2). */
export async function noticesOf(facts: NoticeFacts, settled: readonly Settled[]): Promise<Notice[]> {
  const notices: Notice[] = [];
  for (const action of ACTIONS) {
    const to = addresseeOf(facts.claimed, action);
    if (to === undefined) continue;
    // RFC 3461 §5.2.8: nothing about recipients for whom none is due.
    const told = settled.filter((each) => each.action === action && wants(each.recipient.notify, action));
    if (told.length === 0) continue;
    const { claimed, hostname, nowMs, retryUntilMs } = facts;
    const content = composeDeliveryStatus({
      reportingMta: hostname,
      to,
      messageId: facts.newMessageId(),
      nowMs,
      arrivalMs: claimed.createdAt.getTime(),
      envid: claimed.message.envid,
      // RFC 3461 §4.3: RET speaks of failures alone.
      returnFull: action === 'failed' && claimed.message.ret === 'FULL',
      original: await facts.original(),
      recipients: told.map(
        ({ recipient, reply, remoteMta }): RecipientStatus => ({
          finalRecipient: recipient.address,
          originalRecipient: recipient.orcpt,
          action,
          reply,
          remoteMta,
          lastAttemptMs: nowMs,
          retryUntilMs,
        }),
      ),
    });
    notices.push({ to, action, recipients: told.map(({ recipient }) => recipient.address), content });
  }
  return notices;
}

/** RFC 3461 §4.1: without NOTIFY of failures and delays, with it of what it names. */
function wants(notify: OutgoingRecipient['notify'], action: Settled['action']): boolean {
  if (notify === undefined) return action === 'failed' || action === 'delayed';
  return notify.includes(KEYWORDS[action]);
}

/**
 * RFC 5321 §6.1: none about mail with the null reverse-path, which is that of DSNs and of robots' answers (RFC 3834 §3.3). Whose sender
 * is not known to be true is told nothing (invariant 3): the account that passed the message on learns of the failure.
 */
function addresseeOf({ message, cause, account }: ClaimedOutgoing, action: Settled['action']): string | undefined {
  const { reversePath, senderIsKnown = cause !== 'redirect' } = message;
  if (reversePath === '') return undefined;
  if (senderIsKnown) return reversePath;
  return action === 'failed' ? account?.address : undefined;
}
