import { createHash } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import { DELIVERY_ID_KEYWORD, isDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { DIRECTORY_UNKNOWN_REPLY } from '@postern/shared/directory/refusal-reply.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { ReceivedEnvelope, ReceivedMessage, SmtpHandlers, SmtpSession } from '@postern/shared/smtp/listener.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { plainAddress } from '../dns/client-address.ts';
import type { Forward } from '../inbound/forward.ts';
import { RECIPIENT_OK } from '../inbound/recipient-replies.ts';
import type { Recipients } from '../inbound/recipients.ts';
import { newTransaction, type Origin, type Transaction } from '../inbound/transaction.ts';
import type { RepeatedDeliveries } from './repeated-deliveries.ts';

export interface OnwardService {
  readonly recipients: Recipients;
  readonly forward: Forward;
  readonly repeated: RepeatedDeliveries;
  readonly log: Log;
  /** Names of certificates that may send. */
  readonly clients: readonly string[];
  /** Addresses and networks that may send without one. */
  readonly hosts: readonly string[];
}

const STRANGER = reply(554, '5.7.1', 'This port is for hosts of the house alone');
const NEEDS_CERTIFICATE = reply(530, '5.7.0', 'Say STARTTLS first, with a client certificate that is known here');
const NO_TRANSACTION = reply(503, '5.5.1', 'Send MAIL first');
const BAD_ID = reply(501, '5.5.4', `${DELIVERY_ID_KEYWORD} is 32 hex digits`);
const SENDER_OK = reply(250, '2.1.0', 'Sender ok');

type Peer = 'hub' | 'host' | undefined;

/**
 * What the relay does with sessions on the private leg: the hub, known by its certificate, hands over mail for the outside; hosts
 * of the DMZ, known by their address, send to anybody, and what is local goes inwards by LMTP.
 */
export function onwardHandlers({ recipients, forward, repeated, log, clients, hosts }: OnwardService): SmtpHandlers {
  const names = new Set(clients.map((name) => name.toLowerCase()));
  const known = listOf(hosts);
  const transactions = new WeakMap<SmtpSession, Transaction>();
  const refused = (session: SmtpSession, stage: string, answer: Reply, cause?: string): Reply => {
    const client = session.remoteAddress;
    events.refused(log, { session: session.id, service: 'outbound', client, stage, reply: replyLine(answer), cause });
    return answer;
  };
  const peerOf = (session: SmtpSession): Peer => {
    const certificate = session.tls?.peer;
    const carried = certificate === undefined ? [] : [certificate.commonName, ...certificate.dnsNames];
    if (carried.some((name) => names.has(name.toLowerCase()))) return 'hub';
    const address = plainAddress(session.remoteAddress);
    return known.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') ? 'host' : undefined;
  };
  return {
    onConnect(session) {
      const client = session.remoteAddress;
      events.connected(log, { session: session.id, service: 'outbound', client, clientPort: session.remotePort });
      return undefined;
    },
    async onMail(session, reversePath, { size, extra }) {
      const kind = peerOf(session);
      if (kind === undefined) {
        const answer = session.tls === undefined ? NEEDS_CERTIFICATE : STRANGER;
        return refused(session, 'mail', answer, session.tls?.peer?.commonName ?? 'no certificate');
      }
      const id = extra.get(DELIVERY_ID_KEYWORD);
      if (id !== undefined && !isDeliveryId(id)) return refused(session, 'mail', BAD_ID);
      const senderIsOurs = reversePath === '' ? true : await recipients.isOurs(reversePath);
      if (senderIsOurs === undefined) return refused(session, 'mail', DIRECTORY_UNKNOWN_REPLY, 'whose sender it is');
      transactions.set(session, newTransaction(size, true, { kind, senderIsOurs }));
      return SENDER_OK;
    },
    async onRecipient(session, recipient, { reversePath }) {
      const transaction = transactions.get(session);
      if (transaction === undefined) return NO_TRANSACTION;
      if (transaction.origin?.kind === 'hub') {
        // The hub has expanded it already, and delivers what is local itself.
        transaction.outside.set(recipient.address, recipient);
        return RECIPIENT_OK;
      }
      const answer = await recipients.check(recipient, transaction, session.remoteAddress, reversePath);
      return answer.cause === undefined ? answer.reply : refused(session, 'rcpt', answer.reply, answer.cause);
    },
    async onData(session, envelope, message) {
      const transaction = transactions.get(session);
      if (transaction === undefined) return NO_TRANSACTION;
      transactions.delete(session);
      const id = envelope.extra.get(DELIVERY_ID_KEYWORD);
      if (id === undefined) return forward.deliver(session, envelope, message, transaction);
      const sha256 = createHash('sha256').update(message.content).digest('hex');
      return repeated.take({ id, sha256 }, envelope, (fresh, delivery) =>
        deliverFresh(forward, session, { ...envelope, recipients: fresh }, message, transaction, delivery),
      );
    },
    onReset(session) {
      transactions.delete(session);
    },
    onRefused(session, stage, answer, cause) {
      refused(session, stage, answer, cause);
    },
  };
}

function deliverFresh(
  forward: Forward,
  session: SmtpSession,
  envelope: ReceivedEnvelope,
  message: ReceivedMessage,
  { sizeBytes, trusted, origin }: Transaction,
  delivery: NonNullable<Origin['delivery']>,
): Promise<Reply> {
  const own = newTransaction(sizeBytes, trusted, {
    kind: 'hub',
    senderIsOurs: origin?.senderIsOurs === true,
    delivery,
  });
  for (const recipient of envelope.recipients) own.outside.set(recipient.address, recipient);
  return forward.deliver(session, envelope, message, own);
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const one of networks) {
    const [network = '', prefix] = one.split('/');
    list.addSubnet(network, Number(prefix ?? (isIPv6(network) ? 128 : 32)), isIPv6(network) ? 'ipv6' : 'ipv4');
  }
  return list;
}
