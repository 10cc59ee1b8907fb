import { DestinationPace } from '@postern/shared/delivery/destination-pace.ts';
import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import { retryPauseMs } from '@postern/shared/delivery/retry-schedule.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { ClientPool } from '@postern/shared/smtp/client-pool.ts';
import { reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { type SrsKeys, srsEncode } from '../outbound/srs.ts';
import { healthOfOutcome } from '../store-link.ts';
import type { Stores } from '../stores.ts';
import { applyOutcomes, expire, recipientsOf } from './attempt.ts';
import { type RefusedLaterOptions, remedyFor } from './refused-later.ts';
import type { Spool, SpooledMessage } from './spool.ts';
import { envelopeFor, type SpoolEnvelope, type SpoolRecipient, type SpoolState } from './spool-file.ts';

export interface QueueOptions {
  readonly retryMs: number;
  readonly maxRetryMs: number;
  readonly storeTestMs: number;
  readonly lifetimeMs: number;
  readonly concurrency: number;
  readonly refusedLater: RefusedLaterOptions;
  /** Rewrites the sender of mail that leaves; it stays as it is without. */
  readonly srs?: SrsKeys | undefined;
}

/** What is kept in memory of a waiting message; the rest is read when its turn comes. */
interface Waiting {
  readonly id: string;
  nextTryAt: number;
  attempts: number;
  /** Stores that did not take it, and not because of the message: it is due as soon as one of them is back. */
  waitsFor: readonly string[];
  /** The store whose pace it goes at: the first one that it has a recipient in. */
  store: string;
}

/** When a store that is away or ailing may be tested again. */
interface Test {
  nextAt: number;
  pauseMs: number;
}

type Outcomes = ReadonlyMap<SpoolRecipient, Outcome>;

/** How often the folder is looked at for what an administrator did. */
const WATCH_MS = 1_000;
/** A message that the store did not take so often while it took others waits for its own turn. */
const PROMPT_ATTEMPTS = 3;
/** Longest pause between two tests of a store that answers 4.3.z. */
const MAX_AILING_TEST_MS = 15_000;
const NO_SMART_HOST = reply(451, '4.4.1', 'No smart host is configured');

/**
 * Drains the spool: each message when it is due, all that wait for the store as soon as it is back. While the store is
 * away or ailing one message at a time tests it, in turn, so that no single message can block the others.
 */
export class QueueRunner {
  readonly #spool: Spool;
  readonly #stores: Stores;
  readonly #smartHost: ClientPool | undefined;
  readonly #log: Log;
  #options: QueueOptions;
  readonly #waiting = new Map<string, Waiting>();
  readonly #inFlight = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #plannedAt = Number.POSITIVE_INFINITY;
  #closed = false;
  readonly #tests = new Map<string, Test>();
  readonly #paces = new Map<string, DestinationPace>();
  #nextWatchAt = 0;
  #marks = '';

  constructor(spool: Spool, stores: Stores, smartHost: ClientPool | undefined, log: Log, options: QueueOptions) {
    this.#spool = spool;
    this.#stores = stores;
    this.#smartHost = smartHost;
    this.#log = log;
    this.#options = options;
    stores.onUp = (store) => this.#storeIsUp(store);
  }

  /** Messages that wait, those in hand included. */
  get size(): number {
    return this.#waiting.size;
  }

  /** New settings: what becomes of refusals from now on. */
  update(refusedLater: RefusedLaterOptions): void {
    this.#options = { ...this.#options, refusedLater };
  }

  /** Takes up what an earlier process left; all of it is due at once. */
  async start(): Promise<void> {
    await this.#watch();
    if (this.#waiting.size > 0) this.#log.info({ event: 'spool-found', messages: this.#waiting.size });
    this.#plan(0);
  }

  /** A message has just been made durable in the active folder; `later` when the store did not take it a moment ago. */
  added(envelope: SpoolEnvelope, due: 'now' | 'later'): void {
    const { attempts, nextTryAt } = envelope.state;
    const stores = storesOf(envelope.state.recipients);
    const first = due === 'now' ? 0 : this.#options.storeTestMs;
    this.#waiting.set(envelope.deliveryId, {
      id: envelope.deliveryId,
      nextTryAt: nextTryAt + first,
      attempts,
      waitsFor: stores,
      store: stores[0] ?? '',
    });
    this.#plan(first);
  }

  /** Ends: no new try begins, those in hand are waited for. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.allSettled(this.#inFlight.values());
  }

  #storeIsUp(store: string): void {
    const now = Date.now();
    this.#tests.delete(store);
    for (const entry of this.#waiting.values()) {
      if (entry.waitsFor.includes(store) && entry.attempts <= PROMPT_ATTEMPTS)
        entry.nextTryAt = Math.min(entry.nextTryAt, now);
    }
    this.#plan(0);
  }

  #plan(pauseMs: number): void {
    const at = performance.now() + pauseMs;
    if (this.#closed || at >= this.#plannedAt) return;
    clearTimeout(this.#timer);
    this.#plannedAt = at;
    this.#timer = setTimeout(() => {
      this.#plannedAt = Number.POSITIVE_INFINITY;
      void this.#turn();
    }, pauseMs);
  }

  async #turn(): Promise<void> {
    try {
      if (Date.now() >= this.#nextWatchAt) await this.#watch();
      this.#startDue();
    } catch (error) {
      this.#log.error({ event: 'queue-fault', err: error });
    }
    this.#plan(Math.min(WATCH_MS, this.#options.storeTestMs));
  }

  #startDue(): void {
    const now = Date.now();
    for (const entry of this.#waiting.values()) {
      if (this.#closed || this.#inFlight.size >= this.#options.concurrency) return;
      if (this.#inFlight.has(entry.id)) continue;
      const silent = this.#silentStore(entry);
      const testing = silent !== undefined;
      if (testing) {
        if (!this.#mayTest(silent, now)) continue;
        // The next test is another message's turn.
        this.#waiting.delete(entry.id);
        this.#waiting.set(entry.id, entry);
      } else if (entry.nextTryAt > now || !this.#paceOf(entry.store).isFree) {
        continue;
      }
      const work = this.#try(entry, !testing).finally(() => {
        this.#inFlight.delete(entry.id);
        this.#plan(0);
      });
      this.#inFlight.set(entry.id, work);
    }
  }

  /** The store that it waits for, when none of those can take it now. */
  #silentStore(entry: Waiting): string | undefined {
    const [first] = entry.waitsFor;
    return entry.waitsFor.some((store) => this.#stores.linkOf(store)?.health === 'up') ? undefined : first;
  }

  /** Whether it is time to test a store with one message; longer pauses for one that answers and cannot. */
  #mayTest(store: string, now: number): boolean {
    const test = this.#tests.get(store) ?? { nextAt: 0, pauseMs: this.#options.storeTestMs };
    if (now < test.nextAt) return false;
    test.nextAt = now + test.pauseMs;
    if (this.#stores.linkOf(store)?.health === 'ailing') {
      test.pauseMs = Math.min(test.pauseMs * 1.5, Math.max(MAX_AILING_TEST_MS, test.pauseMs));
    }
    this.#tests.set(store, test);
    return true;
  }

  #paceOf(store: string): DestinationPace {
    let pace = this.#paces.get(store);
    if (pace === undefined) {
      pace = new DestinationPace(this.#options.concurrency);
      this.#paces.set(store, pace);
    }
    return pace;
  }

  async #try(entry: Waiting, counts: boolean): Promise<void> {
    try {
      const read = await this.#spool.read('active', entry.id);
      if (read === undefined) {
        this.#waiting.delete(entry.id);
      } else if (!read.ok) {
        await this.#spool.setAside('active', entry.id);
        this.#waiting.delete(entry.id);
        this.#log.error({ event: 'spool-file-damaged', deliveryId: entry.id, cause: read.why });
      } else {
        await this.#deliver(entry, read.value, counts);
      }
    } catch (error) {
      entry.attempts++;
      entry.nextTryAt = Date.now() + this.#pause(entry.attempts);
      this.#log.error({ event: 'queue-fault', deliveryId: entry.id, err: error });
    }
  }

  async #deliver(entry: Waiting, message: SpooledMessage, counts: boolean): Promise<void> {
    const { envelope } = message;
    const pending = recipientsOf(message.state, 'pending');
    const triedAt = Date.now();
    const [stored, sent] = await Promise.all([this.#toStores(message, pending), this.#toOutside(message, pending)]);
    const outcomes = new Map([...stored, ...sent]);
    const silent = [...stored].filter(([, outcome]) => isSilence(outcome)).map(([recipient]) => recipient);
    // A try that found nobody there is no try of the message; one whose connection died may be.
    const nobodyThere = sent.size === 0 && [...stored.values()].every((o) => o.reply.enhanced === '4.4.1');
    const counted = counts && !nobodyThere;
    const nextTryAt = Date.now() + this.#pause(entry.attempts + 1);
    let state = applyOutcomes(message.state, outcomes, { triedAt, nextTryAt, counts: counted });
    if (triedAt - (state.requeuedAt ?? envelope.receivedAt) > this.#options.lifetimeMs) state = expire(state);
    this.#tell(envelope, message.state, state, nextTryAt);
    await this.#settle(message, state);
    entry.attempts = state.attempts;
    entry.nextTryAt = nextTryAt;
    entry.waitsFor = storesOf(silent);
    entry.store = storesOf(recipientsOf(state, 'pending'))[0] ?? entry.store;
  }

  /** Sends to the pending recipients who live here, at the pace of their store. */
  async #toStores(message: SpooledMessage, pending: readonly SpoolRecipient[]): Promise<Outcomes> {
    const recipients = pending.filter((r) => r.route === 'store');
    if (recipients.length === 0) return new Map();
    const pace = this.#paceOf(storesOf(recipients)[0] ?? '');
    const { deliveryId, placement } = message.envelope;
    const options = { deliveryId, placement, size: message.content.length };
    let result: 'well' | 'overloaded' | 'neither' = 'neither';
    pace.begin();
    try {
      const outcomes = await this.#stores.send(envelopeFor(message.envelope, recipients), message.content, options);
      if (outcomes.some((outcome) => outcome.kind === 'deferred' && isOverload(outcome))) result = 'overloaded';
      else if (outcomes.some((outcome) => outcome.kind === 'delivered')) result = 'well';
      return new Map(recipients.map((r, i) => [r, outcomes[i]!]));
    } finally {
      pace.end(result);
    }
  }

  /** Sends to the pending recipients outside, from an address of ours when SRS is set up. */
  async #toOutside(message: SpooledMessage, pending: readonly SpoolRecipient[]): Promise<Outcomes> {
    const recipients = pending.filter((r) => r.route === 'smart-host');
    if (recipients.length === 0) return new Map();
    const { srs } = this.#options;
    const envelope = envelopeFor(message.envelope, recipients);
    const reversePath = srs === undefined ? envelope.reversePath : srsEncode(envelope.reversePath, srs, Date.now());
    const options = { deliveryId: message.envelope.deliveryId, size: message.content.length };
    const outcomes = (await this.#smartHost?.send({ ...envelope, reversePath }, message.content, options)) ?? [];
    return new Map(recipients.map((r, i) => [r, outcomes[i] ?? { kind: 'deferred', reply: NO_SMART_HOST }]));
  }

  /** Writes the new state down, or ends the message. */
  async #settle({ envelope, content }: SpooledMessage, state: SpoolState): Promise<void> {
    const id = envelope.deliveryId;
    if (recipientsOf(state, 'pending').length > 0) {
      await this.#spool.update('active', id, state);
      return;
    }
    const failed = recipientsOf(state, 'failed');
    if (failed.length === 0) {
      await this.#spool.remove('active', id);
    } else {
      const remedy = remedyFor(envelope, [content], failed, this.#options.refusedLater, Date.now());
      const ids = { deliveryId: id, messageId: envelope.messageId };
      const about = { ...ids, from: envelope.reversePath, to: failed.map((r) => r.address) };
      if (remedy.kind === 'hold') {
        await this.#spool.move('active', 'held', id, { ...state, heldBecause: remedy.cause });
        events.held(this.#log, { ...about, cause: remedy.cause });
      } else {
        // First the new one: a crash in between writes it once more, under the same id.
        await this.#spool.add('active', remedy.envelope, remedy.content);
        events.refusalHandled(this.#log, { ...about, by: remedy.kind, as: remedy.envelope.deliveryId });
        this.added(remedy.envelope, 'now');
        await this.#spool.remove('active', id);
      }
    }
    this.#waiting.delete(id);
  }

  #tell(envelope: SpoolEnvelope, before: SpoolState, after: SpoolState, nextTryAt: number): void {
    const ids = { deliveryId: envelope.deliveryId, messageId: envelope.messageId };
    for (const [index, recipient] of after.recipients.entries()) {
      if (before.recipients[index]?.status !== 'pending') continue;
      const line = recipient.reply === undefined ? '' : replyLine(recipient.reply);
      const e = { ...ids, from: envelope.reversePath, to: recipient.address, reply: line };
      if (recipient.status === 'delivered') events.delivered(this.#log, { ...e, next: recipient.route });
      else if (recipient.status === 'failed') events.bounced(this.#log, { ...e, dsn: false });
      else events.deferred(this.#log, { ...e, nextTryAt: new Date(nextTryAt).toISOString() });
    }
  }

  #pause(attempts: number): number {
    return retryPauseMs({ firstMs: this.#options.retryMs, maxMs: this.#options.maxRetryMs }, attempts, Math.random());
  }

  /** Sees what came into the folder or left it (postern-gateway queue), and what shall be tried now. */
  async #watch(): Promise<void> {
    this.#nextWatchAt = Date.now() + WATCH_MS;
    const marks = `${await this.#spool.changeMark('active')} ${await this.#spool.changeMark('requests')}`;
    if (marks === this.#marks) return;
    this.#marks = marks;
    // What is made durable while the folder is read is not in the list and yet there.
    const known = [...this.#waiting.keys()];
    const present = new Set(await this.#spool.list('active'));
    for (const id of known) {
      if (!present.has(id) && !this.#inFlight.has(id)) this.#waiting.delete(id);
    }
    const now = Date.now();
    for (const id of present) {
      if (!this.#waiting.has(id)) this.#waiting.set(id, { id, nextTryAt: now, attempts: 0, waitsFor: [''], store: '' });
    }
    for (const id of await this.#spool.takeRequests()) {
      const entry = this.#waiting.get(id);
      if (entry !== undefined) entry.nextTryAt = now;
    }
  }
}

function storesOf(recipients: readonly SpoolRecipient[]): readonly string[] {
  return [...new Set(recipients.filter((r) => r.route === 'store').map((r) => r.store ?? ''))];
}

/** Nobody there, or nobody who can: no word on the recipient. */
function isSilence(outcome: Outcome): boolean {
  const health = healthOfOutcome(outcome);
  return health === 'away' || health === 'ailing';
}

/** RFC 3463 §3.4, §3.5: busy, congested, or too ill to take it. */
function isOverload(outcome: Outcome): boolean {
  return isSilence(outcome) || outcome.reply.enhanced === '4.3.2' || outcome.reply.enhanced === '4.4.5';
}
