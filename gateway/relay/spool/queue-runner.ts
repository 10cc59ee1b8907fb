import { retryPauseMs } from '@postern/shared/delivery/retry-schedule.ts';
import { DayClock } from '@postern/shared/runtime/day-clock.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { Carrier, Job } from './carrier.ts';
import { Destination } from './destination.ts';
import { FreshMessages } from './fresh-messages.ts';
import { isOpen, type Settlement } from './settlement.ts';
import type { Spool, SpoolEntry, SpooledMessage } from './spool.ts';
import type { SpoolEnvelope, SpoolRecipient } from './spool-file.ts';
import { isSilence } from './store-carrier.ts';

export interface QueueOptions {
  /** Most jobs under way to stores, and to the outside. */
  readonly storeConcurrency: number;
  readonly outsideConcurrency: number;
  /** Octets of messages that are being sent outside. */
  readonly memoryBytes: number;
  /** Pause between two tests of a store that is away. */
  readonly storeTestMs: number;
  /** How long ids that peers gave are remembered. */
  readonly finishedMs: number;
}

/** How often the folder is looked at for what an administrator or a worker did. */
const WATCH_MS = 1_000;
/** A message that a destination did not take so often while it took others waits for its own turn. */
const PROMPT_ATTEMPTS = 3;
const FORGET_EVERY_MS = 3_600_000;
/** Destinations that have not answered lately have at most this part of the places. */
const UNPROVEN_SHARE = 0.75;

/**
 * Drains the spool. A message is a job for each destination (a store, a domain outside) that it has recipients in; jobs of
 * one destination go at its pace, and destinations take turns, so that none waits for another.
 */
export class QueueRunner {
  readonly #spool: Spool;
  readonly #carrierOf: (key: string) => Carrier;
  readonly #settlement: Settlement;
  readonly #log: Log;
  readonly #options: QueueOptions;
  readonly #destinations = new Map<string, Destination>();
  /** Destinations of each message in memory. */
  readonly #messages = new Map<string, Set<string>>();
  readonly #work = new Set<Promise<void>>();
  readonly #fresh: FreshMessages;
  readonly #inFlight = { store: 0, outside: 0, unproven: 0, bytes: 0 };
  #timer: NodeJS.Timeout | undefined;
  #plannedAt = Number.POSITIVE_INFINITY;
  #closed = false;
  #nextWatchAt = 0;
  #nextForgetAt = 0;
  readonly #clock = new DayClock();
  #marks = '';

  /** @param carrierOf makes the carrier of a destination, by its key (see {@link destinationOf}) */
  constructor(
    spool: Spool,
    carrierOf: (key: string) => Carrier,
    settlement: Settlement,
    log: Log,
    options: QueueOptions,
  ) {
    this.#spool = spool;
    this.#carrierOf = carrierOf;
    this.#settlement = settlement;
    this.#log = log;
    this.#options = options;
    this.#fresh = new FreshMessages(options.memoryBytes);
    settlement.onNew = (envelope, content) => this.added(envelope, 'now', content);
  }

  /** Messages that wait, those in hand included. */
  get size(): number {
    return this.#messages.size;
  }

  /** Messages that wait, by destination. */
  get waiting(): ReadonlyMap<string, number> {
    return new Map([...this.#destinations].map(([key, destination]) => [key, destination.size]));
  }

  /** Takes up what an earlier process left. */
  async start(): Promise<void> {
    await this.#watch();
    if (this.#messages.size > 0) this.#log.info({ event: 'spool-found', messages: this.#messages.size });
    this.#plan(0);
  }

  /** A message has just been made durable in the active folder; `later` when its store did not take it a moment ago. */
  added(envelope: SpoolEnvelope, due: 'now' | 'later', content: readonly Buffer[]): void {
    const pauseMs = due === 'now' ? 0 : this.#options.storeTestMs;
    const { state } = envelope;
    const contentBytes = content.reduce((sum, piece) => sum + piece.length, 0);
    const destinations = this.#enqueue({ envelope, state, contentBytes }, Date.now() + pauseMs);
    if (due === 'now') {
      this.#fresh.keep({ envelope, state, content: Buffer.concat(content), isFresh: true }, destinations);
    }
    this.#plan(pauseMs);
  }

  /** A store answers again. */
  storeIsUp(key: string): void {
    this.#destinations.get(key)?.wake(Date.now(), PROMPT_ATTEMPTS);
    this.#plan(0);
  }

  /** Ends: no new try begins, those in hand are waited for. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.allSettled(this.#work);
  }

  /** Gives the destinations that it is new to. */
  #enqueue({ envelope, state, contentBytes }: SpoolEntry, storeDueAt: number): string[] {
    const id = envelope.deliveryId;
    const keys = this.#messages.get(id) ?? new Set<string>();
    this.#messages.set(id, keys);
    const groups = new Map<string, SpoolRecipient[]>();
    for (const recipient of state.recipients.filter(isOpen)) {
      const key = destinationOf(recipient);
      groups.set(key, [...(groups.get(key) ?? []), recipient]);
    }
    const destinations: string[] = [];
    for (const [key, recipients] of groups) {
      if (keys.has(key)) continue;
      keys.add(key);
      destinations.push(key);
      const destination = this.#destinationOf(key);
      const tries = recipients.map(({ attempts = 0 }) => attempts);
      const written = Math.min(...recipients.map((r) => r.nextTryAt ?? 0));
      // What was written by a clock that was ahead is no reason to wait for longer than ever.
      const latest = Date.now() + destination.carrier.schedule.maxRetryMs;
      const dueAt = isStore(key) ? storeDueAt : Math.min(written, latest);
      destination.add({
        id,
        contentBytes,
        nextTryAt: dueAt,
        attempts: isStore(key) ? 0 : Math.min(...tries),
        waits: isStore(key),
        ageAt: this.#settlement.ageAt(envelope, state, recipients, destination.carrier.schedule),
      });
    }
    return destinations;
  }

  #destinationOf(key: string): Destination {
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = new Destination(key, this.#carrierOf(key));
      this.#destinations.set(key, destination);
    }
    return destination;
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
      this.#followClock();
      if (performance.now() >= this.#nextWatchAt) await this.#watch();
      this.#startDue();
    } catch (error) {
      this.#log.error({ event: 'queue-fault', err: error });
    }
    this.#plan(Math.min(WATCH_MS, this.#options.storeTestMs));
  }

  /** A clock of the day that was put forward or back moves what is due by it along: nothing waits for the hours that it was wrong. */
  #followClock(): void {
    const jumpMs = this.#clock.jumpMs();
    if (jumpMs === 0) return;
    this.#log.warn({ event: 'clock-jumped', jumpMs: Math.round(jumpMs) });
    for (const destination of this.#destinations.values()) destination.shift(jumpMs);
  }

  #startDue(): void {
    const now = Date.now();
    // Once round: each destination takes as many as its pace allows, and goes to the end of the row.
    for (const destination of [...this.#destinations.values()]) {
      if (this.#closed) return;
      if (destination.size === 0) {
        if (!isStore(destination.key) && !destination.carrier.proven) this.#destinations.delete(destination.key);
        continue;
      }
      let started = false;
      while (this.#hasPlace(destination)) {
        const taken = destination.take(now);
        if (taken === undefined) break;
        started = true;
        this.#begin(destination, taken.job, taken.kind);
      }
      if (started) {
        this.#destinations.delete(destination.key);
        this.#destinations.set(destination.key, destination);
      }
    }
  }

  #hasPlace({ key, carrier }: Destination): boolean {
    const { store, outside, unproven, bytes } = this.#inFlight;
    if (isStore(key)) return store < this.#options.storeConcurrency;
    if (outside >= this.#options.outsideConcurrency || bytes > this.#options.memoryBytes) return false;
    return carrier.proven || unproven < Math.max(1, this.#options.outsideConcurrency * UNPROVEN_SHARE);
  }

  #begin(destination: Destination, job: Job, kind: 'open' | 'test' | 'age'): void {
    const { carrier, key } = destination;
    const inFlight = this.#inFlight;
    const isUnproven = !isStore(key) && !carrier.proven;
    const place = isStore(key) ? 'store' : 'outside';
    inFlight[place]++;
    if (isUnproven) inFlight.unproven++;
    if (place === 'outside') inFlight.bytes += job.contentBytes;
    const work = this.#try(destination, job, kind).then((done) => {
      inFlight[place]--;
      if (isUnproven) inFlight.unproven--;
      if (place === 'outside') inFlight.bytes -= job.contentBytes;
      destination.end(job, done);
      if (done) this.#forget(job.id, key);
      this.#work.delete(work);
      this.#plan(0);
    });
    this.#work.add(work);
  }

  #forget(id: string, key: string): void {
    const keys = this.#messages.get(id);
    keys?.delete(key);
    if (keys?.size === 0) this.#messages.delete(id);
  }

  /** True when the destination has nothing more to do for the message. Never rejects. */
  async #try(destination: Destination, job: Job, kind: 'open' | 'test' | 'age'): Promise<boolean> {
    try {
      const fresh = this.#fresh.take(job.id, destination.key);
      if (fresh !== undefined) return await this.#deliver(destination, job, fresh, kind);
      const read = await this.#spool.read('active', job.id);
      if (read === undefined) return true;
      if (read.ok) return await this.#deliver(destination, job, read.value, kind);
      await this.#setAside(job.id, read.why);
      return true;
    } catch (error) {
      job.attempts++;
      job.nextTryAt = Date.now() + this.#pause(destination, job.attempts);
      this.#log.error({ event: 'queue-fault', deliveryId: job.id, err: error });
      return false;
    }
  }

  async #deliver(
    destination: Destination,
    job: Job,
    message: SpooledMessage,
    kind: 'open' | 'test' | 'age',
  ): Promise<boolean> {
    const { carrier, key } = destination;
    const recipients = message.state.recipients.filter((r) => isOpen(r) && destinationOf(r) === key);
    const pending = recipients.filter((r) => r.status === 'pending');
    if (recipients.length === 0) return true;
    const sends = kind !== 'age' && pending.length > 0;
    const triedAt = Date.now();
    const carried = sends ? await carrier.send(message, pending) : undefined;
    const nextTryAt = kind === 'age' ? job.nextTryAt : Date.now() + this.#pause(destination, job.attempts + 1);
    const counts = kind === 'open' && carried?.nobodyThere === false;
    const settled = await this.#settlement.settle(message, recipients, {
      carried,
      triedAt,
      nextTryAt,
      counts,
      schedule: carrier.schedule,
    });
    job.attempts += counts ? 1 : 0;
    job.nextTryAt = nextTryAt;
    job.ageAt = settled.ageAt;
    if (carried !== undefined) job.waits = isStore(key) && [...carried.outcomes.values()].some(isSilence);
    return settled.done;
  }

  #pause({ carrier: { schedule } }: Destination, attempts: number): number {
    return retryPauseMs({ firstMs: schedule.retryMs, maxMs: schedule.maxRetryMs }, attempts, Math.random());
  }

  /** Sees what came into the folder or left it (postern-gateway queue, workers), and what shall be tried now. */
  async #watch(): Promise<void> {
    const [now, ticks] = [Date.now(), performance.now()];
    this.#nextWatchAt = ticks + WATCH_MS;
    this.#fresh.forgetOld();
    if (ticks >= this.#nextForgetAt) {
      this.#nextForgetAt = ticks + FORGET_EVERY_MS;
      await this.#spool.forgetFinished(now - this.#options.finishedMs);
    }
    const marks = `${await this.#spool.changeMark('active')} ${await this.#spool.changeMark('requests')}`;
    if (marks === this.#marks) return;
    this.#marks = marks;
    // What is made durable while the folder is read is not in the list and yet there.
    const known = [...this.#messages.keys()];
    const present = new Set(await this.#spool.list('active'));
    for (const id of known) {
      if (present.has(id)) continue;
      for (const key of this.#messages.get(id) ?? []) this.#destinations.get(key)?.remove(id);
      if (![...this.#destinations.values()].some((destination) => destination.isBusyWith(id)))
        this.#messages.delete(id);
    }
    for (const id of present) {
      if (!this.#messages.has(id) && !this.#spool.isArriving(id)) await this.#takeUp(id, now);
    }
    const { ids, domains } = await this.#spool.takeRequests();
    for (const id of ids) for (const key of this.#messages.get(id) ?? []) this.#destinations.get(key)?.hurry(id, now);
    if (domains) for (const destination of this.#destinations.values()) destination.lookAgain();
    if (domains) this.onDomains?.(await this.#spool.heldDomains());
  }

  /** Called with the held domains when an administrator changed them. */
  onDomains: ((held: readonly string[]) => void) | undefined;

  async #takeUp(id: string, now: number): Promise<void> {
    const entry = await this.#spool.peek('active', id);
    if (entry?.ok) this.#enqueue(entry.value, now);
    else if (entry !== undefined) await this.#setAside(id, entry.why);
  }

  async #setAside(id: string, cause: string): Promise<void> {
    if (!(await this.#spool.setAside('active', id))) return;
    this.#log.error({ event: 'spool-file-damaged', deliveryId: id, cause });
  }
}

/** The destination of a recipient: its store, or the domain of its address outside. */
export function destinationOf({ route, store = '', address }: SpoolRecipient): string {
  return route === 'store' ? `store:${store}` : address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

function isStore(key: string): boolean {
  return key.startsWith('store:');
}
