import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { WriteWatcher } from '../account-writes.ts';
import type { Database } from '../database.ts';
import type { FoundMailbox } from '../mailstore.ts';
import { Interest } from './interest.ts';
import { allLeases, askForLease, giveBackLease, leasesOf, takeFromSilent, takeLease } from './lease-rows.ts';
import { CONFIRM_EVERY_MS, SILENCE_MS, TRUST_MS } from './lease-times.ts';

/** Most leases of one process: each is a row of every confirmation. */
const MAX_LEASES = 1_000;
/** A lease that nobody used for so long is given back: who only waits asks nothing, and costs the database nothing. */
const UNUSED_MS = 3_000;
const MAX_FOUND = 2_000;
/** A store that ends waits no longer for a database that does not answer: whoever wants its leases waits instead. */
const CLOSE_MS = 2_000;

interface Lease {
  /** Steady clock at which the last question was sent whose answer was that we have it. */
  confirmedAt: number;
  usedAt: number;
  /** Another one after each write of this process begins: what was read under the one before may be outdated. */
  stamp: number;
  /** Mailboxes as they were found under this stamp, by hash of the name. */
  readonly found: Map<string, FoundMailbox>;
}

/**
 * Accounts that no other process writes without asking this one first. What was read of such an account is still so, as long as this process has not
 * written it itself: SELECT, STATUS and NOOP are answered without the database. It is only ever an abridgement: without a lease, or when in doubt
 * about one, everybody asks.
 */
export class AccountLeases implements WriteWatcher {
  readonly #database: Database;
  readonly #holder: number;
  readonly #log: Log;
  readonly #leases = new Map<number, Lease>();
  readonly #interest = new Interest();
  readonly #taking = new Map<number, Promise<void>>();
  #stamp = 0;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #reclaiming: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(database: Database, log: Log) {
    this.#database = database;
    this.#holder = database.writes.holder;
    this.#log = log;
    database.writes.watcher = this;
  }

  /** Under which what is read from now on may be kept; undefined when it may not. */
  stampOf(accountId: number): number | undefined {
    const lease = this.#leases.get(accountId);
    if (lease === undefined || this.#database.writes.isUnderWay(accountId) || !isTrusted(lease)) return undefined;
    return lease.stamp;
  }

  /** Whether what was read under this stamp is still so. */
  holds(accountId: number, stamp: number | undefined): boolean {
    const lease = this.#leases.get(accountId);
    if (stamp === undefined || lease?.stamp !== stamp || !isTrusted(lease)) return false;
    lease.usedAt = performance.now();
    return true;
  }

  /** A mailbox as it is, if that is known. */
  found(accountId: number, hash: string): FoundMailbox | undefined {
    const lease = this.#leases.get(accountId);
    const found = lease?.found.get(hash);
    if (lease === undefined || found === undefined || !isTrusted(lease)) return undefined;
    lease.usedAt = performance.now();
    return found;
  }

  /** Keeps a mailbox that was read under this stamp. */
  keepFound(accountId: number, stamp: number | undefined, hash: string, found: FoundMailbox): void {
    const lease = this.#leases.get(accountId);
    if (stamp === undefined || lease?.stamp !== stamp || lease.found.size >= MAX_FOUND) return;
    lease.found.set(hash, found);
  }

  /** The database had to be asked whether something changed: an account that is asked about again and again is worth a lease. */
  asked(accountId: number): void {
    if (this.#closing.signal.aborted || this.#leases.has(accountId) || !this.#interest.asked(accountId)) return;
    if (this.#taking.has(accountId) || this.#leases.size + this.#taking.size >= MAX_LEASES) return;
    const taken = this.#take(accountId).finally(() => this.#taking.delete(accountId));
    this.#taking.set(accountId, taken);
  }

  writeBegins(accountId: number): void {
    this.#interest.written(accountId);
    const lease = this.#leases.get(accountId);
    if (lease === undefined) return;
    lease.stamp = ++this.#stamp;
    lease.found.clear();
  }

  writeEnds(accountId: number, known: boolean): void {
    // A COMMIT that nobody saw answered may come at any time: taking the lease anew waits for its locks.
    if (!known) this.#drop(accountId);
  }

  /** Leases that a process left behind that was killed: whoever is alive gives its own back, and takes it anew when it needs it. */
  reclaim(): void {
    this.#reclaiming = this.#askAll().catch((fault) => {
      if (this.#closing.signal.aborted) return;
      this.#log.warn({ err: fault }, 'leases of accounts that a process left behind cannot be looked for');
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#leases.clear();
    const givenBack = this.#giveAllBack().catch((fault) => {
      this.#log.warn({ err: fault }, 'leases of accounts could not be given back');
    });
    await Promise.race([givenBack, pause(CLOSE_MS, undefined, { ref: false })]);
  }

  async #giveAllBack(): Promise<void> {
    await Promise.all([this.#working, this.#reclaiming, ...this.#taking.values()]);
    // None was ever taken.
    if (this.#stamp === 0) return;
    for (const { accountId } of await leasesOf(this.#database, this.#holder)) {
      await giveBackLease(this.#database, accountId, this.#holder);
    }
  }

  async #take(accountId: number): Promise<void> {
    const sentAt = performance.now();
    try {
      if (!(await takeLease(this.#database, accountId, this.#holder))) {
        this.#interest.refused(accountId);
        return;
      }
    } catch (fault) {
      // Rows may say that we have it; the next confirmation of another one gives it back, or who wants it waits.
      this.#interest.refused(accountId);
      this.#log.debug({ err: fault, accountId }, 'no lease');
      return;
    }
    if (this.#closing.signal.aborted) {
      await giveBackLease(this.#database, accountId, this.#holder).catch(() => undefined);
      return;
    }
    this.#leases.set(accountId, { confirmedAt: sentAt, usedAt: sentAt, stamp: ++this.#stamp, found: new Map() });
    this.#schedule();
  }

  #drop(accountId: number): void {
    if (!this.#leases.delete(accountId)) return;
    this.#interest.refused(accountId);
  }

  #schedule(): void {
    if (this.#closing.signal.aborted || this.#timer !== undefined || this.#leases.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#working = this.#confirm().finally(() => {
        this.#timer = undefined;
        this.#schedule();
      });
    }, CONFIRM_EVERY_MS);
    this.#timer.unref();
  }

  /** Asks the database which leases are ours, drops what is not or is wanted, and gives back what is wanted, unused or unknown. */
  async #confirm(): Promise<void> {
    const sentAt = performance.now();
    const asked = [...this.#leases];
    try {
      const rows = await leasesOf(this.#database, this.#holder);
      const ours = new Map(rows.map(({ accountId, wanted }) => [accountId, wanted]));
      for (const [accountId, lease] of asked) {
        if (ours.get(accountId) !== false) this.#drop(accountId);
        else if (sentAt - lease.usedAt > UNUSED_MS) this.#leases.delete(accountId);
        else lease.confirmedAt = sentAt;
      }
      for (const accountId of ours.keys()) {
        if (this.#leases.has(accountId) || this.#taking.has(accountId)) continue;
        await giveBackLease(this.#database, accountId, this.#holder);
      }
    } catch (fault) {
      this.#log.debug({ err: fault }, 'leases of accounts are not confirmed');
    }
  }

  async #askAll(): Promise<void> {
    const left = (await allLeases(this.#database)).filter(({ holder }) => holder !== this.#holder);
    for (const { accountId, holder } of left) await askForLease(this.#database, accountId, holder);
    if (left.length === 0) return;
    await pause(SILENCE_MS, undefined, { signal: this.#closing.signal });
    for (const { accountId, holder } of left) await takeFromSilent(this.#database, accountId, holder);
  }
}

function isTrusted({ confirmedAt }: Lease): boolean {
  return performance.now() - confirmedAt < TRUST_MS;
}
