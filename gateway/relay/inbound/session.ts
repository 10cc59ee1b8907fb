import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { SmtpHandlers, SmtpSession } from '@postern/shared/smtp/listener.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import type { ConnectionVerdict } from '../memory/connection-counts.ts';
import type { RelayMemory } from '../memory/relay-memory.ts';
import type { Forward } from './forward.ts';
import type { ClientPolicy, Policy } from './policy/policy.ts';
import type { Recipients } from './recipients.ts';
import { newTransaction, noteJudgement, type Transaction } from './transaction.ts';

const SENDER_OK = reply(250, '2.1.0', 'Sender ok');
/** As the listener says it of its own process (shared/smtp/listener/server.ts); here all workers and legs count. */
const TOO_MANY: Readonly<Record<ConnectionVerdict, Reply | undefined>> = {
  free: undefined,
  'all-taken': reply(421, '4.3.2', 'Too many connections, try again later'),
  'taken-by-address': reply(421, '4.7.0', 'Too many connections from your address'),
};
const NO_TRANSACTION = reply(503, '5.5.1', 'Send MAIL first');

/** What the relay does with a session from the Internet: each RCPT and each message is answered for good, or not at all. */
export function inboundHandlers(
  recipients: Recipients,
  forward: Forward,
  policy: Policy,
  memory: RelayMemory,
  log: Log,
): SmtpHandlers {
  const transactions = new WeakMap<SmtpSession, Transaction>();
  const clients = new WeakMap<SmtpSession, ClientPolicy>();
  const counted = new WeakMap<SmtpSession, Promise<ConnectionVerdict> | ConnectionVerdict>();
  return {
    onOpen(session) {
      counted.set(session, memory.enterConnection(session.remoteAddress));
    },

    onClose(session) {
      memory.leaveConnection(session.remoteAddress);
    },

    async onConnect(session) {
      const tooMany = TOO_MANY[(await counted.get(session)) ?? 'free'];
      if (tooMany !== undefined) {
        const ids = { session: session.id, service: 'smtp', client: session.remoteAddress } as const;
        events.refused(log, { ...ids, stage: 'connect', reply: replyLine(tooMany), cause: 'too many connections' });
        return tooMany;
      }
      events.connected(log, {
        session: session.id,
        service: 'smtp',
        client: session.remoteAddress,
        clientPort: session.remotePort,
      });
      clients.set(session, policy.meet(session));
      return undefined;
    },

    onMail(session, _reversePath, parameters) {
      transactions.set(session, newTransaction(parameters.size, policy.trusts(session.remoteAddress)));
      clients.get(session)?.beginTransaction();
      return SENDER_OK;
    },

    async onRecipient(session, recipient, { reversePath }) {
      const transaction = transactions.get(session);
      if (transaction === undefined) return NO_TRANSACTION;
      const ids = { session: session.id, from: reversePath, to: recipient.address };
      const judgement = await clients.get(session)?.judge(reversePath, recipient.address);
      if (judgement?.refusal !== undefined) {
        const { reply: answer, stage } = judgement.refusal;
        const policyNotes = { policy: judgement.notes, cause: judgement.notes.at(-1)?.reason };
        const client = session.remoteAddress;
        events.refused(log, { ...ids, service: 'smtp', client, stage, reply: replyLine(answer), ...policyNotes });
        return answer;
      }
      const answer = await recipients.check(recipient, transaction, session.remoteAddress, reversePath);
      if (judgement !== undefined && answer.cause === undefined) noteJudgement(transaction, judgement);
      if (answer.cause !== undefined) {
        const line = replyLine(answer.reply);
        const client = session.remoteAddress;
        events.refused(log, { ...ids, service: 'smtp', client, stage: 'rcpt', reply: line, cause: answer.cause });
      } else if (answer.leftOut !== undefined) {
        log.warn({ event: 'outside-targets-left-out', ...ids, targets: answer.leftOut });
      }
      return answer.reply;
    },

    async onData(session, envelope, message) {
      const transaction = transactions.get(session);
      if (transaction === undefined) return NO_TRANSACTION;
      transactions.delete(session);
      return await forward.deliver(session, envelope, message, transaction);
    },

    onReset(session) {
      transactions.delete(session);
    },

    onRefused(session, stage, answer, cause) {
      const client = session.remoteAddress;
      events.refused(log, { session: session.id, service: 'smtp', client, stage, reply: replyLine(answer), cause });
    },
  };
}
