import { randomBytes } from 'node:crypto';
import { longestRetryPauseMs, type RetrySchedule, retryPauseMs } from '@postern/shared/delivery/retry-schedule.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { MemoryBudget } from '@postern/shared/runtime/memory-budget.ts';
import type { ClaimedOutgoing, Mailstore } from '../../mailstore/mailstore.ts';

export interface RunnerOptions {
  readonly mailstore: Mailstore;
  /** Does what is to be done with a claimed message, and ends the claim. After a rejection the message is tried again later. */
  readonly work: (claimed: ClaimedOutgoing, claimant: string) => Promise<void>;
  readonly concurrency: number;
  readonly pollMs: number;
  readonly leaseMs: number;
  /** Pauses after a rejection; they double. */
  readonly retry: RetrySchedule;
  /** Octets of messages in hand, of all together; the next ones wait their turn, and a larger one goes alone. */
  readonly memoryBytes: number;
  readonly log: Log;
}

/** The database is away: asked again after this time. */
const PAUSE_AFTER_FAULT_MS = 2_000;
/** Longer than anything is in hand: the turn comes. */
const LONGEST_WAIT_MS = 2_147_483_647;

/**
 * Drains the queue, together with every other process that does: claims what is due, keeps the claims alive while the work lasts, and
 * looks again when something was queued here or some time has passed.
 */
export class QueueRunner {
  readonly #options: RunnerOptions;
  /** Nobody else has this name, so that a claim of a dead process is never taken for ours. */
  readonly #claimant = randomBytes(12).toString('hex');
  readonly #running = new Map<string, Promise<void>>();
  readonly #memory: MemoryBudget;
  readonly #renewal: NodeJS.Timeout;
  #wake: () => void = () => undefined;
  #closed = false;
  readonly #loop: Promise<void>;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#memory = new MemoryBudget(options.memoryBytes);
    this.#renewal = setInterval(() => void this.#renew(), Math.max(100, options.leaseMs / 3));
    this.#renewal.unref();
    this.#loop = this.#run();
  }

  /** Messages in hand now. */
  get inHand(): number {
    return this.#running.size;
  }

  /** Something is due: look at once. */
  wake(): void {
    this.#wake();
  }

  /** Claims nothing more, and waits for what is in hand, but not for longer than the grace: leases do the rest. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#loop;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((done) => {
      timer = setTimeout(done, graceMs);
    });
    await Promise.race([Promise.all(this.#running.values()), grace]);
    clearTimeout(timer);
    clearInterval(this.#renewal);
  }

  async #run(): Promise<void> {
    const { mailstore, concurrency, leaseMs, pollMs, retry, log } = this.#options;
    const longestPauseMs = longestRetryPauseMs(retry);
    while (!this.#closed) {
      const woken = new Promise<void>((done) => {
        this.#wake = done;
      });
      const free = concurrency - this.#running.size;
      let pauseMs = pollMs;
      try {
        const claimed =
          free > 0 ? await mailstore.outgoing.claimDue(free, this.#claimant, leaseMs, longestPauseMs) : [];
        for (const each of claimed) this.#start(each);
      } catch (error) {
        log.warn({ event: 'queue-not-read', cause: String(error) });
        pauseMs = PAUSE_AFTER_FAULT_MS;
      }
      await pauseUnless(woken, pauseMs);
    }
  }

  #start(claimed: ClaimedOutgoing): void {
    const done = this.#work(claimed).finally(() => {
      this.#running.delete(claimed.id);
      // There is room for another.
      this.#wake();
    });
    this.#running.set(claimed.id, done);
  }

  async #work(claimed: ClaimedOutgoing): Promise<void> {
    const { work, memoryBytes, log } = this.#options;
    const bytes = Math.min(claimed.contentBytes, memoryBytes);
    await this.#memory.reserveInTime(bytes, LONGEST_WAIT_MS);
    try {
      await work(claimed, this.#claimant);
    } catch (error) {
      log.error({ event: 'sending-fault', outgoing: claimed.id, err: error });
      await this.#putOff(claimed);
    } finally {
      this.#memory.release(bytes);
    }
  }

  /** What fails for a reason of ours may fail again at once: it waits like what others put off, and holds nobody up. */
  async #putOff({ id, attempts }: ClaimedOutgoing): Promise<void> {
    const { mailstore, retry, log } = this.#options;
    try {
      await mailstore.outgoing.defer(id, this.#claimant, retryPauseMs(retry, attempts, Math.random()));
    } catch (error) {
      // The lease ends by itself.
      log.warn({ event: 'not-put-off', outgoing: id, cause: String(error) });
    }
  }

  async #renew(): Promise<void> {
    const { mailstore, leaseMs, log } = this.#options;
    try {
      await mailstore.outgoing.renew([...this.#running.keys()], this.#claimant, leaseMs);
    } catch (error) {
      log.warn({ event: 'leases-not-renewed', cause: String(error) });
    }
  }
}

async function pauseUnless(woken: Promise<void>, pauseMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const pause = new Promise<void>((done) => {
    timer = setTimeout(done, pauseMs);
  });
  await Promise.race([woken, pause]);
  clearTimeout(timer);
}
