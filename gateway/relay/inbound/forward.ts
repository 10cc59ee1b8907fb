import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import type { Placement } from '@postern/shared/delivery/placement.ts';
import { receivedHeader, type TransmissionProtocol } from '@postern/shared/message/trace-header.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { ReceivedEnvelope, ReceivedMessage, SmtpSession } from '@postern/shared/smtp/listener.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { withRedactedReceived } from '../outbound/received-redaction.ts';
import type { Signer } from '../outbound/signing.ts';
import { wantsSuccess } from '../spool/notices.ts';
import type { QueueRunner } from '../spool/queue-runner.ts';
import { quarantineHeader } from '../spool/refused-later.ts';
import type { Spool } from '../spool/spool.ts';
import type { SpoolEnvelope, SpoolRecipient } from '../spool/spool-file.ts';
import type { StoredRecipient, Stores } from '../stores.ts';
import { scanHeader } from './header-scan.ts';
import type { Inspection, Inspector } from './inspection.ts';
import type { PolicyNote } from './policy/rule.ts';
import type { Origin, Transaction } from './transaction.ts';
import { combineVerdicts } from './verdict.ts';

export interface ForwardOptions {
  readonly hostname: string;
  /** From the final dot to our answer. */
  readonly finalReplyMs: number;
  readonly maxHops: number;
  readonly quarantineAddress: string | undefined;
  /** Patterns of names of hosts inside, of whom Received fields are silent when mail leaves; undefined: they stay. */
  readonly internalDomains: readonly string[] | undefined;
}

/** RFC 5321 §6.3. */
const TOO_MANY_HOPS = reply(554, '5.4.6', 'This message goes round in circles');
/** Invariant 1: no 250 without durability. */
const CANNOT_KEEP = reply(452, '4.3.1', 'Insufficient system storage, please try again later');

/** Part of the budget that is left to the spool when the store does not answer in time. */
const SPOOL_SHARE = 0.1;
/** Part of the budget that the inspection may use; the rest is the store's. */
const INSPECTION_SHARE = 0.7;

/** One message in hand, between the final dot and our answer. */
interface InHand {
  readonly id: string;
  readonly session: SmtpSession;
  readonly messageId: string | undefined;
  readonly envelope: ReceivedEnvelope;
  readonly content: readonly Buffer[];
  readonly bytes: number;
  readonly placement: 'junk' | undefined;
  readonly senderAuthenticated: boolean;
  /** A copy for the administrator's mailbox, instead of the recipients'. */
  readonly purpose: 'quarantine' | undefined;
  readonly origin: Origin | undefined;
  readonly authentication: SpoolEnvelope['authentication'];
}

/** The answer to the final dot; undefined: 250. */
interface Answer {
  readonly refusal: Reply | undefined;
  readonly notes: readonly PolicyNote[];
  readonly placement?: Placement | 'quarantine' | undefined;
}

/**
 * Passes a message on within its SMTP transaction (cut-through): one LMTP transaction a store, whose verdicts make
 * the one reply. What the store does not take now is made durable in the spool before the 250, under the same
 * delivery id, so that it does not matter whether the store took it after all (invariant 2).
 */
export class Forward {
  readonly #stores: Stores;
  readonly #spool: Spool;
  readonly #queue: Pick<QueueRunner, 'added'>;
  readonly #inspector: Inspector;
  readonly #signer: Signer;
  readonly #log: Log;
  readonly #options: ForwardOptions;

  constructor(
    stores: Stores,
    spool: Spool,
    queue: Pick<QueueRunner, 'added'>,
    inspector: Inspector,
    signer: Signer,
    log: Log,
    options: ForwardOptions,
  ) {
    this.#stores = stores;
    this.#spool = spool;
    this.#queue = queue;
    this.#inspector = inspector;
    this.#signer = signer;
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
    const { origin } = transaction;
    const id = origin?.delivery?.id ?? newDeliveryId();
    const service = serviceOf(origin);
    const { messageId, hops } = scanHeader(message.content, message.headerBytes);
    const judged: Answer =
      hops >= this.#options.maxHops
        ? { refusal: TOO_MANY_HOPS, notes: [] }
        : await this.#judge(id, session, envelope, message, transaction, messageId, startedAt);
    const ids = { session: session.id, deliveryId: id, messageId };
    const client = session.remoteAddress;
    const from = envelope.reversePath;
    const to = envelope.recipients.map((r) => r.address);
    const notes = [...transaction.notes, ...judged.notes];
    const policy = notes.length === 0 ? undefined : notes;
    if (judged.refusal === undefined) {
      const tookMs = Math.round((performance.now() - startedAt) * 10) / 10;
      const bytes = message.content.length;
      const { placement } = judged;
      const ok = reply(250, '2.0.0', `Ok, queued as ${id}`);
      const about = { ...ids, service, client, from, to, bytes, tookMs };
      events.accepted(this.#log, { ...about, reply: replyLine(ok), policy, placement });
      return ok;
    }
    const line = replyLine(judged.refusal);
    const cause = judged.notes.find((note) => note.verdict === 'reject' || note.verdict === 'tempfail')?.reason;
    const about = { ...ids, service, client, stage: 'data', from, to: to.join(' ') };
    events.refused(this.#log, { ...about, reply: line, cause, policy });
    return judged.refusal;
  }

  /** Inspects the message, and passes on what may pass. */
  async #judge(
    id: string,
    session: SmtpSession,
    envelope: ReceivedEnvelope,
    message: ReceivedMessage,
    transaction: Transaction,
    messageId: string | undefined,
    startedAt: number,
  ): Promise<Answer> {
    const inspection = await this.#inspector.inspect({
      client: session.remoteAddress,
      helo: session.heloName ?? '',
      reversePath: envelope.reversePath,
      recipients: envelope.recipients.map((r) => r.address),
      content: message.content,
      headerBytes: message.headerBytes,
      deliveryId: id,
      trusted: transaction.trusted,
      budgetMs: this.#options.finalReplyMs * INSPECTION_SHARE,
    });
    const { notes } = inspection;
    if (inspection.kind === 'refused') return { refusal: inspection.reply, notes };
    const placement = transaction.junk && inspection.placement === 'inbox' ? 'junk' : inspection.placement;
    const quarantine = placement === 'quarantine' ? this.#options.quarantineAddress : undefined;
    // Who hands over mail of the house is inside, and our own field must tell it no more than theirs.
    const silent = transaction.origin !== undefined && this.#options.internalDomains !== undefined;
    const received = this.#receivedHeader(session, envelope, id, silent);
    const why = quarantine === undefined ? '' : this.#quarantineHeader(inspection, envelope);
    const own = transaction.origin === undefined ? inspection.content : await this.#ownContent(message);
    const content = [Buffer.from(inspection.header + received + why), ...own];
    const inHand: InHand = {
      id,
      session,
      messageId,
      envelope,
      content,
      bytes: content.reduce((sum, piece) => sum + piece.length, 0),
      placement: placement === 'junk' ? 'junk' : undefined,
      senderAuthenticated: transaction.origin?.senderIsOurs ?? inspection.senderAuthenticated,
      origin: transaction.origin,
      authentication: inspection.authentication,
      purpose: quarantine === undefined ? undefined : 'quarantine',
    };
    const to = quarantine === undefined ? transaction : quarantineOf(quarantine);
    const refusal = await this.#passOn(inHand, to, startedAt);
    return { refusal, notes, placement: placement === 'inbox' ? undefined : placement };
  }

  /** Mail of the house: silent about hosts inside, and signed. */
  async #ownContent(message: ReceivedMessage): Promise<readonly Buffer[]> {
    const { internalDomains } = this.#options;
    const content =
      internalDomains === undefined
        ? [message.content]
        : withRedactedReceived(message.content, message.headerBytes, internalDomains);
    const signatures = await this.#signer.sign(content);
    return signatures === '' ? content : [Buffer.from(signatures), ...content];
  }

  #quarantineHeader({ notes }: Inspection, envelope: ReceivedEnvelope): string {
    const [why] = notes.filter((note) => note.verdict === 'quarantine');
    const reason = `${why?.rule ?? ''}: ${why?.reason ?? ''}`;
    return quarantineHeader(
      reason,
      envelope.recipients.map((r) => r.address),
    );
  }

  /** Undefined when the message is in the store or durable in the spool, else the refusal. */
  async #passOn(
    inHand: InHand,
    transaction: Pick<Transaction, 'accounts' | 'outside'>,
    startedAt: number,
  ): Promise<Reply | undefined> {
    const accounts = [...transaction.accounts.values()];
    if (transaction.outside.size > 0) {
      // A copy goes outside by the queue. The spool comes first then: what is delivered cannot be taken back, should it be full.
      const outside = [...transaction.outside.values()].map((r) => spoolRecipient(r, 'outside', undefined));
      const inside = accounts.map((r) => spoolRecipient(r, 'store', undefined));
      return await this.#keep(
        inHand,
        [...inside, ...outside],
        inHand.origin === undefined ? 'a copy goes outside' : 'mail to the outside',
      );
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
    const confirmed = accounts.flatMap((recipient, index) => {
      const outcome = outcomes[index];
      const isDue = outcome?.kind === 'delivered' && mayBeConfirmed(inHand) && wantsSuccess(recipient);
      return isDue ? [spoolRecipient(recipient, 'store', outcome)] : [];
    });
    if (verdict.kind === 'delivered') {
      // The message is delivered whether the report can be kept or not.
      if (confirmed.length > 0) await this.#keep(inHand, confirmed, 'a report of delivery is due');
      return undefined;
    }
    if (verdict.kind === 'refused') return verdict.reply;
    const open = [...verdict.deferred, ...verdict.failed].map((index) =>
      spoolRecipient(accounts[index]!, 'store', outcomes[index]),
    );
    const left = [...open, ...confirmed];
    const first = outcomes[verdict.deferred[0] ?? verdict.failed[0] ?? 0];
    return await this.#keep(inHand, left, causeOf(first));
  }

  /** One LMTP transaction for each store, within the budget; late means deferred. */
  #offer(inHand: InHand, recipients: readonly StoredRecipient[], startedAt: number): Promise<readonly Outcome[]> {
    const { reversePath, body, smtpUtf8, ret, envid, requireTls } = inHand.envelope;
    const envelope = { reversePath, body, smtpUtf8, ret, envid, requireTls, recipients };
    const budgetMs = this.#options.finalReplyMs * (1 - SPOOL_SHARE) - (performance.now() - startedAt);
    const { id, bytes, placement } = inHand;
    return this.#stores.send(envelope, inHand.content, { deliveryId: id, size: bytes, placement, budgetMs });
  }

  /** Makes what is left of a message durable; what was refused for good is handled by invariant 3. */
  async #keep(inHand: InHand, recipients: readonly SpoolRecipient[], cause: string): Promise<Reply | undefined> {
    const { id, session, messageId, envelope, content, bytes } = inHand;
    const ids = { session: session.id, deliveryId: id, messageId };
    const from = envelope.reversePath;
    const failed = recipients.filter((r) => r.status === 'failed');
    const { origin } = inHand;
    const leaves = recipients.some((r) => r.route === 'outside');
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
      placement: inHand.placement,
      senderAuthenticated: inHand.senderAuthenticated,
      purpose: inHand.purpose,
      origin: origin?.kind,
      receivedSha256: origin?.delivery?.sha256,
      forwarded: leaves && origin?.senderIsOurs !== true ? true : undefined,
      authentication: leaves ? inHand.authentication : undefined,
      state: { recipients: [...recipients], attempts: 0, nextTryAt: now },
    };
    try {
      await this.#spool.add('active', spooled, content);
    } catch (error) {
      this.#log.error({ event: 'spool-failed', ...ids, err: error });
      return CANNOT_KEEP;
    }
    for (const { address, reply: answer } of failed) {
      const line = answer === undefined ? '' : replyLine(answer);
      events.bounced(this.#log, { ...ids, from, to: address, reply: line, dsn: false });
    }
    const to = recipients.map((r) => r.address);
    events.spooled(this.#log, { ...ids, from, to, bytes, cause });
    // What is to be told is the queue's to see to, and can be at once.
    const isUrgent = recipients.some((r) => r.route === 'outside' || r.status !== 'pending');
    this.#queue.added(spooled, isUrgent ? 'now' : 'later', content);
    return undefined;
  }

  #receivedHeader(session: SmtpSession, envelope: ReceivedEnvelope, id: string, silent: boolean): string {
    const { tls } = session;
    // RFC 5321 §7.2: with several recipients the clause would tell blind copies.
    const [only, ...others] = envelope.recipients;
    return receivedHeader({
      fromHelo: session.heloName ?? '',
      fromAddress: silent ? undefined : session.remoteAddress,
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
  recipient: StoredRecipient,
  route: SpoolRecipient['route'],
  outcome: Outcome | undefined,
): SpoolRecipient {
  return {
    address: recipient.address,
    route,
    store: recipient.store === '' ? undefined : recipient.store,
    notify: recipient.notify === undefined ? undefined : [...recipient.notify],
    orcpt: recipient.orcpt,
    status: outcome === undefined || outcome.kind === 'deferred' ? 'pending' : outcome.kind,
    reply: outcome?.reply,
  };
}

/** RFC 3461 §5.2.6, as far as the reverse-path is known to be the sender's (invariant 3). */
function mayBeConfirmed({ senderAuthenticated, envelope, purpose }: InHand): boolean {
  return senderAuthenticated && envelope.reversePath !== '' && purpose === undefined;
}

function causeOf(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'no answer';
  const cause = outcome.kind === 'delivered' ? undefined : outcome.cause;
  return cause ?? replyLine(outcome.reply);
}

/** The service's name in the log. */
function serviceOf(origin: Origin | undefined): string {
  if (origin === undefined) return 'smtp';
  return origin.kind === 'submission' ? 'submission' : 'outbound';
}

/** The recipients of what is quarantined: the administrator's mailbox alone, and no notices about it. */
function quarantineOf(address: string): Pick<Transaction, 'accounts' | 'outside'> {
  return { accounts: new Map([[address, { address, notify: ['NEVER'] }]]), outside: new Map() };
}
