import { hash } from 'node:crypto';
import { DELIVERY_ID_KEYWORD, isDeliveryId, newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { PLACEMENT_KEYWORD, type Placement, parsePlacement } from '@postern/shared/delivery/placement.ts';
import type { Directory } from '@postern/shared/directory/directory.ts';
import { headerValue, readHeader } from '@postern/shared/message/header.ts';
import { receivedHeader, returnPathHeader, type TransmissionProtocol } from '@postern/shared/message/trace-header.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import type {
  MailParameters,
  ReceivedEnvelope,
  ReceivedMessage,
  SmtpHandlers,
  SmtpSession,
} from '@postern/shared/smtp/listener.ts';
import { isPositive, type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import type { StoreConfig } from '../config.ts';
import { originalAddressOf } from '../delivery/arrived-message.ts';
import { within } from '../delivery/deadline.ts';
import { DELIVERY_REPLIES, type LocalDelivery, type LocalOutcome, type LocalRecipient } from '../delivery/deliver.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import { deliveryPeer } from './peers.ts';
import { decideRecipient } from './recipient.ts';

export interface LmtpService {
  readonly config: StoreConfig;
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly delivery: LocalDelivery;
  readonly log: Log;
}

/** What a session keeps beside the listener's: its peer, and the transaction under way. */
interface SessionState {
  readonly peer: string;
  deliveryId: string;
  sizeBytes: number;
  placement: Placement | undefined;
  /** Accepted recipients by lower-cased address. */
  recipients: Map<string, LocalRecipient>;
}

const SERVICE = 'lmtp';
const OK = reply(250, '2.1.0', 'Sender accepted');
const RECIPIENT_OK = reply(250, '2.1.5', 'Recipient accepted');
const NOT_A_PEER = reply(554, '5.7.1', 'This certificate may not deliver here');
const BAD_DELIVERY_ID = reply(501, '5.5.4', `${DELIVERY_ID_KEYWORD} wants 32 lower-case hex digits`);
const BAD_PLACEMENT = reply(501, '5.5.4', `${PLACEMENT_KEYWORD} wants JUNK`);
const NO_SUCH_RECIPIENT = reply(503, '5.5.1', 'This recipient was not accepted');
const DATABASE_AWAY = reply(451, '4.3.0', 'The store cannot take mail now, try again later');

/** RFC 2033: the conversation of a gateway that delivers. What it may say stands in the listener; what is answered, here. */
export function lmtpHandlers(service: LmtpService): SmtpHandlers {
  const { config, log } = service;
  const states = new WeakMap<SmtpSession, SessionState>();
  const stateOf = (session: SmtpSession): SessionState => {
    const state = states.get(session);
    if (state === undefined) throw new Error('a session without a known peer');
    return state;
  };
  const refuse = (session: SmtpSession, stage: string, answer: Reply, cause: string, to?: string): Reply => {
    const deliveryId = states.get(session)?.deliveryId || undefined;
    const line = replyLine(answer);
    const client = session.remoteAddress;
    events.refused(log, { service: SERVICE, session: session.id, deliveryId, client, stage, reply: line, cause, to });
    return answer;
  };

  return {
    onConnect(session) {
      const peer = deliveryPeer(session.tls?.peer, config.lmtp.peers);
      if (peer === undefined) {
        const name = session.tls?.peer?.commonName ?? 'none';
        return refuse(session, 'connect', NOT_A_PEER, `certificate ${name} is not among lmtp.peers`);
      }
      states.set(session, { peer, deliveryId: '', sizeBytes: 0, placement: undefined, recipients: new Map() });
      return undefined;
    },

    onMail(session, _reversePath, parameters: MailParameters) {
      const state = stateOf(session);
      const given = parameters.extra.get(DELIVERY_ID_KEYWORD);
      if (given !== undefined && !isDeliveryId(given)) {
        return refuse(session, 'mail', BAD_DELIVERY_ID, 'malformed delivery id');
      }
      // Without an id of the peer's own nothing can be recognised again; ours serves the log alone.
      state.deliveryId = given ?? newDeliveryId();
      const placement = parameters.extra.get(PLACEMENT_KEYWORD);
      state.placement = placement === undefined ? undefined : parsePlacement(placement);
      if (placement !== undefined && state.placement === undefined) {
        return refuse(session, 'mail', BAD_PLACEMENT, 'unknown placement');
      }
      state.sizeBytes = parameters.size ?? 0;
      state.recipients = new Map();
      return OK;
    },

    async onRecipient(session, recipient: EnvelopeRecipient) {
      const state = stateOf(session);
      const key = recipient.address.toLowerCase();
      // RFC 2033 §4.2: the same recipient twice gets two replies; it is one delivery all the same.
      if (state.recipients.has(key)) return RECIPIENT_OK;
      try {
        const questions = {
          directory: service.directory,
          mailstore: service.mailstore,
          defaultDomain: config.directory.defaultDomain,
          defaultQuota: { bytes: config.quota.defaultBytes, messages: config.quota.defaultMessages },
        };
        const decision = await within(
          config.delivery.recipientDeadlineMs,
          'deciding about a recipient',
          decideRecipient(questions, recipient.address, state.sizeBytes),
        );
        if (decision.kind === 'refused') {
          return refuse(session, 'rcpt', decision.reply, decision.cause, recipient.address);
        }
        state.recipients.set(key, { ...decision.recipient, originalAddress: originalAddressOf(recipient.orcpt) });
        return RECIPIENT_OK;
      } catch (fault) {
        return refuse(session, 'rcpt', DATABASE_AWAY, String(fault), recipient.address);
      }
    },

    async onData(session, envelope, message) {
      const state = stateOf(session);
      const outcomes = await deliverToAll(service, session, state, envelope, message);
      return envelope.recipients.map((r) => outcomes.get(r.address.toLowerCase())?.reply ?? NO_SUCH_RECIPIENT);
    },

    onReset(session) {
      states.get(session)?.recipients.clear();
    },

    onRefused(session, stage, answer, cause) {
      refuse(session, stage, answer, cause);
    },
  };
}

/** The message's verdict for each recipient, by lower-cased address. Never rejects. */
async function deliverToAll(
  service: LmtpService,
  session: SmtpSession,
  state: SessionState,
  envelope: ReceivedEnvelope,
  message: ReceivedMessage,
): Promise<ReadonlyMap<string, LocalOutcome>> {
  const { config, log } = service;
  const startedAt = performance.now();
  const receivedAt = new Date();
  const header = readHeader(message.content, 0, message.headerBytes);
  const ids = {
    session: session.id,
    deliveryId: state.deliveryId,
    messageId: headerValue(message.content, header.fields, 'message-id', 998),
  };
  const recipients = [...new Set(envelope.recipients.map((r) => r.address.toLowerCase()))].flatMap((key) => {
    const recipient = state.recipients.get(key);
    return recipient === undefined ? [] : [[key, recipient] as const];
  });
  const outcomes = new Map<string, LocalOutcome>();
  try {
    // One body for all recipients. The delivery record keeps the hash of
    // what the peer sent, because the trace header of a retry has another date.
    const trace = traceHeader(config.hostname, session, state, envelope, receivedAt);
    const bytes = Buffer.concat([trace, message.content]);
    const looked = service.mailstore.contents.arrived(bytes);
    const content =
      looked instanceof Promise ? await within(config.delivery.deadlineMs, 'writing the body', looked) : looked;
    const receivedSha256 = hash('sha256', message.content, 'buffer');
    const { peer, deliveryId, placement } = state;
    const arrived = {
      peer,
      deliveryId,
      reversePath: envelope.reversePath,
      placement,
      content,
      bytes,
      traceBytes: trace.length,
      receivedSha256,
      receivedAt,
    };
    await Promise.all(
      recipients.map(async ([key, recipient]) => {
        outcomes.set(key, await service.delivery.deliver(arrived, recipient));
      }),
    );
  } catch (fault) {
    for (const [key] of recipients) {
      if (!outcomes.has(key)) {
        outcomes.set(key, { kind: 'deferred', reply: DELIVERY_REPLIES.fault, cause: String(fault) });
      }
    }
  }
  const tookMs = Math.round(performance.now() - startedAt);
  for (const [key, recipient] of recipients) {
    const outcome = outcomes.get(key);
    if (outcome === undefined) continue;
    const known = { ...ids, from: envelope.reversePath, to: recipient.address, reply: replyLine(outcome.reply) };
    logOutcome(log, known, outcome, session, { bytes: message.content.length, tookMs });
  }
  return outcomes;
}

/** RFC 5321 §4.4: Return-Path at final delivery, then our Received; the same for all recipients. */
function traceHeader(
  hostname: string,
  session: SmtpSession,
  state: SessionState,
  envelope: ReceivedEnvelope,
  date: Date,
): Buffer {
  const received = receivedHeader({
    fromHelo: session.heloName ?? state.peer,
    fromAddress: session.remoteAddress,
    byHost: hostname,
    withProtocol: session.withProtocol as TransmissionProtocol,
    tls: session.tls === undefined ? undefined : { version: session.tls.protocol, cipher: session.tls.cipher },
    id: state.deliveryId,
    // RFC 5321 §7.2: named only when there is no other recipient whom it would tell.
    forRecipient: envelope.recipients.length === 1 ? envelope.recipients[0]?.address : undefined,
    date,
  });
  return Buffer.from(returnPathHeader(envelope.reversePath) + received, 'utf8');
}

function logOutcome(
  log: Log,
  known: events.MailIds & { from: string; to: string; reply: string },
  outcome: LocalOutcome,
  session: SmtpSession,
  measures: { bytes: number; tookMs: number },
): void {
  switch (outcome.kind) {
    case 'delivered': {
      const [first] = outcome.messages;
      const { emailId } = outcome;
      events.delivered(log, { ...known, mailbox: first?.mailbox, uid: first?.uid, emailId, ...measures });
      return;
    }
    case 'repeated':
      if (isPositive(outcome.reply)) events.delivered(log, { ...known, duplicate: true, ...measures });
      else refusedAfterData(log, known, session, 'recorded before');
      return;
    case 'deferred':
      events.deferred(log, { ...known, cause: outcome.cause });
      if (outcome.alarm) events.deliveryIdConflict(log, known);
      return;
    case 'failed':
      refusedAfterData(log, known, session, outcome.cause);
  }
}

function refusedAfterData(
  log: Log,
  known: events.MailIds & { from: string; to: string; reply: string },
  session: SmtpSession,
  cause: string,
): void {
  events.refused(log, { ...known, service: SERVICE, client: session.remoteAddress, stage: 'data', cause });
}
