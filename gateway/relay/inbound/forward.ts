import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import { receivedHeader, type TransmissionProtocol } from '@postern/shared/message/trace-header.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { Envelope, EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import type { ReceivedEnvelope, ReceivedMessage, SmtpSession } from '@postern/shared/smtp/listener.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import type { QueueRunner } from '../spool/queue-runner.ts';
import type { Spool } from '../spool/spool.ts';
import type { SpoolEnvelope, SpoolRecipient } from '../spool/spool-file.ts';
import type { StoreLink } from '../store-link.ts';
import { scanHeader } from './header-scan.ts';
import type { Transaction } from './transaction.ts';
import { combineVerdicts } from './verdict.ts';

export interface ForwardOptions {
  readonly hostname: string;
  /** From the final dot to our answer. */
  readonly finalReplyMs: number;
  readonly maxHops: number;
}

/** RFC 5321 §6.3. */
const TOO_MANY_HOPS = reply(554, '5.4.6', 'This message goes round in circles');
/** Invariant 1: no 250 without durability. */
const CANNOT_KEEP = reply(452, '4.3.1', 'Insufficient system storage, please try again later');
const STORE_AWAY = reply(451, '4.4.1', 'The store is away');
const STORE_LATE = reply(451, '4.4.1', 'The store did not answer in time');

/** Part of the budget that is left to the spool when the store does not answer in time. */
const SPOOL_SHARE = 0.1;

/** One message in hand, between the final dot and our answer. */
interface InHand {
  readonly id: string;
  readonly session: SmtpSession;
  readonly messageId: string | undefined;
  readonly envelope: ReceivedEnvelope;
  readonly content: readonly Buffer[];
  readonly bytes: number;
}

/**
 * Passes a message on within its SMTP transaction (cut-through): one LMTP transaction for all accounts, whose verdicts make
 * the one reply. What the store does not take now is made durable in the spool before the 250, under the same
 * delivery id, so that it does not matter whether the store took it after all (invariant 2).
 */
export class Forward {
  readonly #store: StoreLink;
  readonly #spool: Spool;
  readonly #queue: Pick<QueueRunner, 'added'>;
  readonly #log: Log;
  readonly #options: ForwardOptions;

  constructor(store: StoreLink, spool: Spool, queue: Pick<QueueRunner, 'added'>, log: Log, options: ForwardOptions) {
    this.#store = store;
    this.#spool = spool;
    this.#queue = queue;
    this.#log = log;
    this.#options = options;
  }

  /** The reply to the final dot. Rejects on faults alone; the spool failing is 452. */
  async deliver(
    session: SmtpSession,
    envelope: ReceivedEnvelope,
    message: ReceivedMessage,
    transaction: Transaction,
  ): Promise<Reply> {
    const startedAt = performance.now();
    const id = newDeliveryId();
    const { messageId, hops } = scanHeader(message.content, message.headerBytes);
    const trace = Buffer.from(this.#receivedHeader(session, envelope, id));
    const content = [trace, message.content];
    const bytes = trace.length + message.content.length;
    const inHand: InHand = { id, session, messageId, envelope, content, bytes };
    const answer = hops >= this.#options.maxHops ? TOO_MANY_HOPS : await this.#passOn(inHand, transaction, startedAt);
    const ids = { session: session.id, deliveryId: id, messageId };
    const client = session.remoteAddress;
    const from = envelope.reversePath;
    const to = envelope.recipients.map((r) => r.address);
    if (answer === undefined) {
      const tookMs = Math.round((performance.now() - startedAt) * 10) / 10;
      events.accepted(this.#log, { ...ids, service: 'smtp', client, from, to, bytes, tookMs });
      return reply(250, '2.0.0', `Ok, queued as ${id}`);
    }
    const line = replyLine(answer);
    events.refused(this.#log, { ...ids, service: 'smtp', client, stage: 'data', reply: line, from, to: to.join(' ') });
    return answer;
  }

  /** Undefined when the message is in the store or durable in the spool, else the refusal. */
  async #passOn(inHand: InHand, transaction: Transaction, startedAt: number): Promise<Reply | undefined> {
    const accounts = [...transaction.accounts.values()];
    if (transaction.outside.size > 0) {
      // A copy goes outside by the queue. The spool comes first then: what is delivered cannot be taken back, should it be full.
      const outside = [...transaction.outside.values()].map((r) => spoolRecipient(r, 'smart-host', undefined));
      const inside = accounts.map((r) => spoolRecipient(r, 'store', undefined));
      return await this.#keep(inHand, [...inside, ...outside], 'a copy goes outside');
    }
    const outcomes = await this.#offer(inHand, accounts, startedAt);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind !== 'delivered') continue;
      events.delivered(this.#log, {
        session: inHand.session.id,
        deliveryId: inHand.id,
        messageId: inHand.messageId,
        from: inHand.envelope.reversePath,
        to: accounts[index]?.address ?? '',
        reply: replyLine(outcome.reply),
        next: 'store',
        bytes: inHand.bytes,
      });
    }
    const verdict = combineVerdicts(outcomes);
    if (verdict.kind === 'delivered') return undefined;
    if (verdict.kind === 'refused') return verdict.reply;
    const left = [...verdict.deferred, ...verdict.failed].map((index) =>
      spoolRecipient(accounts[index]!, 'store', outcomes[index]),
    );
    const first = outcomes[verdict.deferred[0] ?? verdict.failed[0] ?? 0];
    return await this.#keep(inHand, left, causeOf(first));
  }

  /** One LMTP transaction within the budget; late means deferred. */
  async #offer(
    inHand: InHand,
    recipients: readonly EnvelopeRecipient[],
    startedAt: number,
  ): Promise<readonly Outcome[]> {
    const allDeferred = (why: Reply): Outcome[] => recipients.map(() => ({ kind: 'deferred', reply: why }));
    if (!this.#store.worthTrying) return allDeferred(STORE_AWAY);
    const { reversePath, body, smtpUtf8, ret, envid, requireTls } = inHand.envelope;
    const envelope: Envelope = { reversePath, body, smtpUtf8, ret, envid, requireTls, recipients };
    let timer: NodeJS.Timeout | undefined;
    const budgetMs = this.#options.finalReplyMs * (1 - SPOOL_SHARE) - (performance.now() - startedAt);
    const late = new Promise<Outcome[]>((resolve) => {
      timer = setTimeout(() => {
        this.#store.noteLate();
        resolve(allDeferred(STORE_LATE));
      }, budgetMs);
    });
    try {
      const sent = this.#store.send(envelope, inHand.content, { deliveryId: inHand.id, size: inHand.bytes });
      return await Promise.race([sent, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Makes what is left of a message durable; failed recipients alone go to the held folder (invariant 3). */
  async #keep(inHand: InHand, recipients: readonly SpoolRecipient[], cause: string): Promise<Reply | undefined> {
    const { id, session, messageId, envelope, content, bytes } = inHand;
    const ids = { session: session.id, deliveryId: id, messageId };
    const from = envelope.reversePath;
    const failed = recipients.filter((r) => r.status === 'failed');
    const folder = failed.length === recipients.length ? 'held' : 'active';
    const now = Date.now();
    const spooled: SpoolEnvelope = {
      deliveryId: id,
      messageId,
      receivedAt: now,
      cause,
      client: session.remoteAddress,
      reversePath: from,
      body: envelope.body,
      smtpUtf8: envelope.smtpUtf8,
      ret: envelope.ret,
      envid: envelope.envid,
      requireTls: envelope.requireTls,
      state: {
        recipients: [...recipients],
        attempts: 0,
        nextTryAt: now,
        ...(folder === 'held' ? { heldBecause: cause } : {}),
      },
    };
    try {
      await this.#spool.add(folder, spooled, content);
    } catch (error) {
      this.#log.error({ event: 'spool-failed', ...ids, err: error });
      return CANNOT_KEEP;
    }
    for (const { address, reply: answer } of failed) {
      const line = answer === undefined ? '' : replyLine(answer);
      events.bounced(this.#log, { ...ids, from, to: address, reply: line, dsn: false });
    }
    const to = recipients.map((r) => r.address);
    if (folder === 'held') {
      events.held(this.#log, { ...ids, from, to, cause });
    } else {
      events.spooled(this.#log, { ...ids, from, to, bytes, cause });
      this.#queue.added(spooled, recipients.some((r) => r.route === 'smart-host') ? 'now' : 'later');
    }
    return undefined;
  }

  #receivedHeader(session: SmtpSession, envelope: ReceivedEnvelope, id: string): string {
    const { tls } = session;
    // RFC 5321 §7.2: with several recipients the clause would tell blind copies.
    const [only, ...others] = envelope.recipients;
    return receivedHeader({
      fromHelo: session.heloName ?? '',
      fromAddress: session.remoteAddress,
      byHost: this.#options.hostname,
      withProtocol: session.withProtocol as TransmissionProtocol,
      tls: tls === undefined ? undefined : { version: tls.protocol, cipher: tls.cipher },
      id,
      forRecipient: others.length === 0 ? only?.address : undefined,
      date: new Date(),
    });
  }
}

function spoolRecipient(
  recipient: EnvelopeRecipient,
  route: SpoolRecipient['route'],
  outcome: Outcome | undefined,
): SpoolRecipient {
  return {
    address: recipient.address,
    route,
    notify: recipient.notify === undefined ? undefined : [...recipient.notify],
    orcpt: recipient.orcpt,
    status: outcome?.kind === 'failed' ? 'failed' : 'pending',
    reply: outcome?.reply,
  };
}

function causeOf(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'no answer';
  const cause = outcome.kind === 'delivered' ? undefined : outcome.cause;
  return cause ?? replyLine(outcome.reply);
}
