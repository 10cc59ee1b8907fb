import { randomBytes } from 'node:crypto';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { ClaimedOutgoing, Mailstore } from '../../mailstore/mailstore.ts';

export interface RunnerOptions {
  readonly mailstore: Mailstore;
  /** Does what is to be done with a claimed message, and ends the claim. A rejection leaves it to the lease. */
  readonly work: (claimed: ClaimedOutgoing, claimant: string) => Promise<void>;
  readonly concurrency: number;
  readonly pollMs: number;
  readonly leaseMs: number;
  readonly log: Log;
}

/** The database is away: asked again after this time. */
const PAUSE_AFTER_FAULT_MS = 2_000;

/**
 * Drains the queue, together with every other process that does: claims what is due, keeps the claims alive while the work lasts, and
 * looks again when something was queued here or some time has passed.
 */
export class QueueRunner {
  readonly #options: RunnerOptions;
  /** Nobody else has this name, so that a claim of a dead process is never taken for ours. */
  readonly #claimant = randomBytes(12).toString('hex');
  readonly #running = new Map<string, Promise<void>>();
  readonly #renewal: NodeJS.Timeout;
  #wake: () => void = () => undefined;
  #closed = false;
  readonly #loop: Promise<void>;

  constructor(options: RunnerOptions) {
    this.#options = options;
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
    const { mailstore, concurrency, leaseMs, pollMs, log } = this.#options;
    while (!this.#closed) {
      const woken = new Promise<void>((done) => {
        this.#wake = done;
      });
      const free = concurrency - this.#running.size;
      let pauseMs = pollMs;
      try {
        const claimed = free > 0 ? await mailstore.outgoing.claimDue(free, this.#claimant, leaseMs) : [];
        for (const each of claimed) this.#start(each);
      } catch (error) {
        log.warn({ event: 'queue-not-read', cause: String(error) });
        pauseMs = PAUSE_AFTER_FAULT_MS;
      }
      await pauseUnless(woken, pauseMs);
    }
  }

  #start(claimed: ClaimedOutgoing): void {
    const { work, log } = this.#options;
    const done = work(claimed, this.#claimant)
      .catch((error: unknown) => log.error({ event: 'sending-fault', outgoing: claimed.id, err: error }))
      .finally(() => {
        this.#running.delete(claimed.id);
        // There is room for another.
        this.#wake();
      });
    this.#running.set(claimed.id, done);
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
