import { createHash } from 'node:crypto';
import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { retryPauseMs } from '@postern/shared/delivery/retry-schedule.ts';
import type { Directory } from '@postern/shared/directory/directory.ts';
import type { ExpansionLimits } from '@postern/shared/directory/recipients.ts';
import { headerValue, readHeader } from '@postern/shared/message/header.ts';
import { readSubmittedHeader } from '@postern/shared/message/submitted-message.ts';
import { returnPathHeader } from '@postern/shared/message/trace-header.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { ClientPool } from '@postern/shared/smtp/client-pool.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { originalAddressOf } from '../../delivery/arrived-message.ts';
import type { LocalDelivery } from '../../delivery/deliver.ts';
import { decideRecipient } from '../../lmtp/recipient.ts';
import {
  type ClaimedOutgoing,
  deliveryIdOf,
  type Mailstore,
  type OutgoingMessage,
  type OutgoingRecipient,
  type QuotaLimits,
} from '../../mailstore/mailstore.ts';
import type { HubConfig } from '../settings.ts';
import { innerTrace } from '../trace.ts';
import { noticesOf, type Settled } from './notices.ts';
import type { OtherStores } from './other-stores.ts';
import { type TryResult, toRelay, toStores } from './passing-on.ts';
import { routesOf } from './routing.ts';

/** Name of this source in the records of deliveries. */
const PEER = 'hub';

export interface SendingParts {
  readonly config: HubConfig;
  readonly hostname: string;
  readonly directory: Directory;
  readonly mailstore: Mailstore;
  readonly delivery: LocalDelivery;
  /** The way out; undefined: mail to the outside waits. */
  readonly relay: ClientPool | undefined;
  readonly stores: OtherStores;
  readonly expansion: ExpansionLimits;
  readonly defaultQuota: QuotaLimits;
  /** Puts the Outbox's copy into Sent. */
  readonly file: (claimed: ClaimedOutgoing) => Promise<void>;
  readonly log: Log;
}

const EXPIRED = (last: Reply | undefined): Reply =>
  reply(550, '5.4.7', `Delivery time expired${last === undefined ? '' : `; the last answer was: ${replyLine(last)}`}`);
const LOOP = reply(554, '5.4.6', 'Too many hops: the message is in a loop');
const EXPANDED = reply(250, '2.1.5', 'Passed on to the members of an alias');

/**
 * One try of one message: finds out where its recipients go, delivers to ours, hands the rest to the relay, and commits what became of each
 * together with the DSNs that this causes. Killed at any instant, the next try does the same again under the same ids, and whoever has
 * it already says so.
 */
export async function send(parts: SendingParts, claimed: ClaimedOutgoing, claimant: string): Promise<void> {
  const { mailstore, config } = parts;
  if (claimed.source !== undefined) await parts.file(claimed);
  const sending = new Sending(parts, claimed, claimant);
  const results = await sending.run();
  if (results === undefined) return;
  const nowMs = Date.now();
  const { settled, warned } = sending.whatToTell(results, nowMs);
  const causes = await sending.causesOf(settled, nowMs);
  const outcome = await mailstore.outgoing.settle(claimed.id, claimant, {
    recipients: results.map((result) => ({
      n: result.recipient.n,
      state: result.state,
      reply: result.reply,
      delayWarned: warned.has(result.recipient.n),
    })),
    causes,
  });
  if (outcome === 'claim-lost') return;
  const pending = results.some(({ state }) => state === 'pending');
  const { retryMs: firstMs, maxRetryMs: maxMs } = config.queue;
  const pauseMs = retryPauseMs({ firstMs, maxMs }, claimed.attempts, Math.random());
  sending.logAll(results, new Date(nowMs + pauseMs));
  if (pending) await mailstore.outgoing.defer(claimed.id, claimant, pauseMs);
}

class Sending {
  readonly #parts: SendingParts;
  readonly #claimed: ClaimedOutgoing;
  readonly #claimant: string;
  readonly #hopId: string;
  #content: Promise<Buffer> | undefined;
  /** Of the header, for the log: by it a trace finds all hops. */
  #messageId: string | undefined;
  /** Recipients of whose failure somebody is told. */
  readonly #told = new Set<string>();

  constructor(parts: SendingParts, claimed: ClaimedOutgoing, claimant: string) {
    this.#parts = parts;
    this.#claimed = claimed;
    this.#claimant = claimant;
    this.#hopId = deliveryIdOf(claimed.id);
  }

  /** Undefined: the claim went to another one. */
  async run(): Promise<readonly TryResult[] | undefined> {
    const { config, directory, expansion } = this.#parts;
    const pending = this.#claimed.recipients.filter(({ state }) => state === 'pending');
    const { hops, messageId } = readSubmittedHeader(await this.#queued());
    this.#messageId = messageId;
    if (Date.now() > this.#expiresAtMs) {
      return pending.map((recipient) => ({ recipient, state: 'failed', reply: EXPIRED(recipient.reply) }));
    }
    if (hops > config.maxHops) return pending.map((recipient) => ({ recipient, state: 'failed', reply: LOOP }));

    const results: TryResult[] = [];
    const unrouted = pending.filter(({ route }) => route === undefined);
    let routed = pending.filter(({ route }) => route !== undefined);
    if (unrouted.length > 0) {
      const groups = this.#claimed.recipients.map(({ route }) => (route?.kind === 'relay' ? route.group : 0));
      const { routes, expanded, refused, unknown } = await routesOf(
        directory,
        expansion,
        this.#parts.stores,
        unrouted,
        Math.max(0, ...groups) + 1,
      );
      for (const each of refused) results.push({ ...each, state: 'failed' });
      for (const each of unknown) results.push({ ...each, state: 'pending' });
      if (routes.length > 0) {
        const told = expanded.map((recipient): Settled => ({ recipient, action: 'expanded', reply: EXPANDED }));
        const causes = await this.causesOf(told, Date.now());
        const outcome = await this.#parts.mailstore.outgoing.route(this.#claimed.id, this.#claimant, routes, causes);
        if (outcome === 'claim-lost') return undefined;
        const now = await this.#parts.mailstore.outgoing.show(this.#claimed.id);
        routed = (now?.recipients ?? []).filter(({ state, route }) => state === 'pending' && route !== undefined);
      }
    }
    const local = routed.filter(({ route }) => route?.kind === 'local');
    const outside = routed.filter(({ route }) => route?.kind === 'relay');
    const hop = {
      ...this.#parts,
      deliveryId: this.#hopId,
      message: this.#claimed.message,
      bytes: () => this.#goingOn(),
    };
    const sent = await Promise.all([this.#deliver(local), toStores(hop, routed), toRelay(hop, outside)]);
    return [...results, ...sent.flat()];
  }

  /** Who is to be told what, and of whom a delay is told now. */
  whatToTell(results: readonly TryResult[], nowMs: number): { settled: Settled[]; warned: Set<number> } {
    const { delayWarningMs } = this.#parts.config.queue;
    const isLate = delayWarningMs > 0 && nowMs - this.#claimed.releaseAt.getTime() > delayWarningMs;
    const warned = new Set<number>();
    const settled: Settled[] = [];
    for (const { recipient, state, reply: answer, remoteMta } of results) {
      if (state === 'failed') settled.push({ recipient, action: 'failed', reply: answer, remoteMta });
      if (state === 'delivered') settled.push({ recipient, action: 'delivered', reply: answer });
      if (state === 'pending' && isLate && !recipient.delayWarned) {
        warned.add(recipient.n);
        settled.push({ recipient, action: 'delayed', reply: answer, remoteMta });
      }
    }
    return { settled, warned };
  }

  /** The DSNs, durable as bodies: they are queued with the settlement. */
  async causesOf(settled: readonly Settled[], nowMs: number): Promise<OutgoingMessage[]> {
    const { hostname, mailstore, expansion, log } = this.#parts;
    const notices = await noticesOf(
      {
        claimed: this.#claimed,
        hostname,
        original: () => this.#queued(),
        // A DSN leaves the house, too.
        newMessageId: () => `${newDeliveryId()}@${expansion.defaultDomain ?? hostname}`,
        nowMs,
        retryUntilMs: this.#expiresAtMs,
      },
      settled,
    );
    return Promise.all(
      notices.map(async ({ to, action, recipients, content }): Promise<OutgoingMessage> => {
        if (action === 'failed') for (const address of recipients) this.#told.add(address);
        events.deliveryStatusSent(log, { deliveryId: this.#hopId, to, action, recipients });
        return {
          cause: 'dsn',
          // RFC 3464 §2, RFC 3461 §6: null reverse-path, and no DSN about the DSN.
          reversePath: '',
          recipients: [{ address: to, notify: ['NEVER'] }],
          content: await mailstore.contents.put(content),
          smtpUtf8: /[^\x00-\x7f]/.test(to),
        };
      }),
    );
  }

  logAll(results: readonly TryResult[], nextTryAt: Date): void {
    const { log } = this.#parts;
    for (const { recipient, state, reply: answer, cause, remoteMta } of results) {
      const known = {
        deliveryId: this.#hopId,
        messageId: this.#messageId,
        from: this.#claimed.reversePath,
        to: recipient.address,
        reply: replyLine(answer),
      };
      if (state === 'pending') events.deferred(log, { ...known, cause, nextTryAt: nextTryAt.toISOString() });
      else if (state === 'failed') events.bounced(log, { ...known, cause, dsn: this.#told.has(recipient.address) });
      // What is delivered here was told with its mailbox.
      else if (remoteMta !== undefined) events.delivered(log, { ...known, next: remoteMta });
    }
  }

  get #expiresAtMs(): number {
    return this.#claimed.releaseAt.getTime() + this.#parts.config.queue.lifetimeMs;
  }

  /** The message as it was queued. */
  #queued(): Promise<Buffer> {
    this.#content ??= this.#parts.mailstore.messages.readBody(this.#claimed.contentId);
    return this.#content;
  }

  /**
   * As it goes on. What a delivery caused gets a Received field here, so that loops are counted; always the same one, because the next hop
   * knows a repeated delivery by its bytes.
   */
  async #goingOn(): Promise<Buffer> {
    const { cause, createdAt } = this.#claimed;
    const queued = await this.#queued();
    if (cause === 'submission') return queued;
    return Buffer.concat([Buffer.from(innerTrace(this.#parts.hostname, this.#hopId, createdAt)), queued]);
  }

  async #deliver(recipients: readonly OutgoingRecipient[]): Promise<TryResult[]> {
    if (recipients.length === 0) return [];
    const { mailstore, delivery, directory, defaultQuota, expansion, log } = this.#parts;
    const bytes = await this.#goingOn();
    // RFC 5321 §4.4: Return-Path at final delivery.
    const withPath = Buffer.concat([Buffer.from(returnPathHeader(this.#claimed.reversePath)), bytes]);
    const arrived = {
      peer: PEER,
      deliveryId: this.#hopId,
      reversePath: this.#claimed.reversePath,
      content: await mailstore.contents.arrived(withPath),
      bytes: withPath,
      traceBytes: withPath.length - bytes.length,
      receivedSha256: createHash('sha256').update(bytes).digest(),
      receivedAt: new Date(),
    };
    const { fields } = readHeader(bytes, 0, bytes.length);
    const messageId = headerValue(bytes, fields, 'message-id', 998);
    const questions = { directory, mailstore, defaultDomain: expansion.defaultDomain, defaultQuota };
    return Promise.all(
      recipients.map(async (recipient): Promise<TryResult> => {
        const decision = await decideRecipient(questions, recipient.address, withPath.length);
        if (decision.kind === 'refused') {
          const state = decision.reply.code < 500 ? 'pending' : 'failed';
          return { recipient, state, reply: decision.reply, cause: decision.cause };
        }
        const originalAddress = originalAddressOf(recipient.orcpt);
        const outcome = await delivery.deliver(arrived, { ...decision.recipient, originalAddress });
        const known = { deliveryId: this.#hopId, messageId, from: this.#claimed.reversePath, to: recipient.address };
        switch (outcome.kind) {
          case 'delivered': {
            const [first] = outcome.messages;
            const { emailId } = outcome;
            events.delivered(log, {
              ...known,
              reply: replyLine(outcome.reply),
              mailbox: first?.mailbox,
              uid: first?.uid,
              emailId,
            });
            return { recipient, state: 'delivered', reply: outcome.reply };
          }
          case 'repeated':
            events.delivered(log, { ...known, reply: replyLine(outcome.reply), duplicate: true });
            return { recipient, state: outcome.reply.code < 300 ? 'delivered' : 'failed', reply: outcome.reply };
          case 'deferred':
            return { recipient, state: 'pending', reply: outcome.reply, cause: outcome.cause };
          case 'failed':
            return { recipient, state: 'failed', reply: outcome.reply, cause: outcome.cause };
        }
      }),
    );
  }
}
