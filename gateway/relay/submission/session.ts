import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import type { Directory } from '@postern/shared/directory/directory.ts';
import type { ExpansionLimits } from '@postern/shared/directory/recipients.ts';
import { refusedStanding } from '@postern/shared/directory/refusal-reply.ts';
import { refusedSender } from '@postern/shared/directory/sender-rights.ts';
import type { OpenedBy } from '@postern/shared/directory/standing.ts';
import { readHeader } from '@postern/shared/message/header.ts';
import { completeMessage, messageIdFor, readSubmittedHeader } from '@postern/shared/message/submitted-message.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { AuthAnswer, ReceivedMessage, SmtpHandlers, SmtpSession } from '@postern/shared/smtp/listener.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { SUBMISSION_REPLIES } from '@postern/shared/smtp/submission-replies.ts';
import type { Forward } from '../inbound/forward.ts';
import type { Recipients } from '../inbound/recipients.ts';
import { newTransaction, type Transaction } from '../inbound/transaction.ts';
import type { LockOut } from './lock-out.ts';
import type { SendLimits } from './send-limits.ts';
import type { SubmissionSettings } from './settings.ts';

export interface SubmissionService {
  readonly hostname: string;
  readonly settings: SubmissionSettings;
  readonly directory: Directory;
  readonly expansion: ExpansionLimits;
  readonly recipients: Recipients;
  readonly forward: Forward;
  readonly lockOut: LockOut;
  readonly limits: SendLimits;
  readonly log: Log;
}

const AUTHOR_NOT_YOURS = reply(550, '5.7.1', 'The address in From is not yours');
const NO_TRANSACTION = reply(503, '5.5.1', 'Send MAIL first');

/** Mail programs on the road (RFC 6409): what they send goes to accounts here by LMTP, and to others by the queue. */
export function submissionHandlers(service: SubmissionService): SmtpHandlers {
  const { directory, recipients, forward, limits, log, hostname } = service;
  const users = new WeakMap<SmtpSession, OpenedBy>();
  const transactions = new WeakMap<SmtpSession, Transaction>();
  const refused = (session: SmtpSession, stage: string, answer: Reply, cause?: string, from?: string): Reply => {
    const about = { session: session.id, service: 'submission', client: session.remoteAddress, stage, from };
    events.refused(log, { ...about, reply: replyLine(answer), cause });
    return answer;
  };
  const rules = { directory, expansion: service.expansion, delegates: service.settings.delegates };
  return {
    onConnect(session) {
      const client = session.remoteAddress;
      events.connected(log, { session: session.id, service: 'submission', client, clientPort: session.remotePort });
      return undefined;
    },
    async onAuth(session, credentials): Promise<AuthAnswer> {
      const deny = (answer: Reply): AuthAnswer => ({ kind: 'refused', reply: answer });
      if (credentials.mechanism === 'OAUTHBEARER') return deny(SUBMISSION_REPLIES.badCredentials);
      const { user, password, authorizationId } = credentials;
      const client = session.remoteAddress;
      const about = { session: session.id, service: 'submission', client, user };
      const locked = service.lockOut.refuses(client, user);
      if (locked !== undefined || (authorizationId !== '' && authorizationId.toLowerCase() !== user.toLowerCase())) {
        events.signInRefused(log, { ...about, why: locked ?? 'another authorization identity' });
        return deny(SUBMISSION_REPLIES.badCredentials);
      }
      const answer = await directory.signIn({ user, password, service: 'submission' });
      if (answer.kind === 'unknown') {
        events.signInRefused(log, { ...about, why: answer.cause });
        return deny(SUBMISSION_REPLIES.noSignInNow);
      }
      if (answer.kind === 'refused') {
        service.lockOut.failed(client, user);
        events.signInRefused(log, { ...about, why: answer.why });
        return deny(SUBMISSION_REPLIES.badCredentials);
      }
      service.lockOut.succeeded(client, user);
      users.set(session, { service: 'submission', entry: answer.account, appPassword: answer.appPassword });
      events.signedIn(log, about);
      return { kind: 'granted', user: answer.account.address };
    },
    async onMail(session, reversePath, { size }) {
      const user = users.get(session);
      if (user === undefined) return refused(session, 'mail', SUBMISSION_REPLIES.needsSignIn);
      const refusal =
        (await refusedStanding(directory, user)) ??
        (await refusedSender(rules, user.entry, reversePath, SUBMISSION_REPLIES.notYourAddress));
      if (refusal !== undefined) return refused(session, 'mail', refusal.reply, refusal.cause, reversePath);
      transactions.set(session, newTransaction(size, true, { kind: 'submission', senderIsOurs: true }));
      return SUBMISSION_REPLIES.senderOk;
    },
    async onRecipient(session, recipient, { reversePath }) {
      const transaction = transactions.get(session);
      if (transaction === undefined) return NO_TRANSACTION;
      const answer = await recipients.check(recipient, transaction, session.remoteAddress, reversePath);
      return answer.cause === undefined
        ? answer.reply
        : refused(session, 'rcpt', answer.reply, answer.cause, reversePath);
    },
    async onData(session, envelope, { content }) {
      const user = users.get(session);
      const transaction = transactions.get(session);
      if (user === undefined || transaction === undefined) return NO_TRANSACTION;
      transactions.delete(session);
      const from = envelope.reversePath;
      // RFC 6409 §6.1, §8.1: whom readers see as author is as much the user as the reverse-path.
      const header = readSubmittedHeader(content);
      for (const author of header.authors) {
        const refusal = await refusedSender(rules, user.entry, author, AUTHOR_NOT_YOURS);
        if (refusal !== undefined) return refused(session, 'data', refusal.reply, refusal.cause, from);
      }
      const { address } = user.entry;
      const over = limits.take(address, envelope.recipients.length);
      if (over !== undefined)
        return refused(session, 'data', SUBMISSION_REPLIES.overLimit, `${address}: ${over}`, from);
      return forward.deliver(session, envelope, completed(content, header.authors, from, hostname), transaction);
    },
    onReset(session) {
      transactions.delete(session);
    },
    onRefused(session, stage, answer, cause) {
      refused(session, stage, answer, cause);
    },
  };
}

/** RFC 6409 §8: without Bcc, with Date and Message-ID; the trace is added when it goes on. */
function completed(
  message: Buffer,
  authors: readonly string[],
  reversePath: string,
  hostname: string,
): ReceivedMessage {
  const messageId = messageIdFor(newDeliveryId(), [authors[0], reversePath], hostname);
  const content = completeMessage(message, { trace: '', messageId, nowMs: Date.now() });
  const { bodyStart } = readHeader(content, 0, content.length);
  return { content, headerBytes: Math.max(0, bodyStart - 2) };
}
