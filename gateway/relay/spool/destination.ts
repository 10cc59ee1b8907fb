import type { Carrier, Job } from './carrier.ts';

/** How often the jobs of a destination that cannot take any are looked at again. */
const LOOK_AGAIN_MS = 1_000;
const UNPROVEN_JOBS = 2;

/** The jobs of one destination, in the order in which they came. */
export class Destination {
  readonly key: string;
  readonly carrier: Carrier;
  readonly #jobs = new Map<string, Job>();
  readonly #inFlight = new Set<string>();
  /** Nothing can be due before. */
  #nextLookAt = 0;

  constructor(key: string, carrier: Carrier) {
    this.key = key;
    this.carrier = carrier;
  }

  get size(): number {
    return this.#jobs.size;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  add(job: Job): void {
    this.#jobs.set(job.id, job);
    this.#nextLookAt = 0;
  }

  isBusyWith(id: string): boolean {
    return this.#inFlight.has(id);
  }

  /** A job that is under way is not taken away; it ends by itself. */
  remove(id: string): void {
    if (!this.#inFlight.has(id)) this.#jobs.delete(id);
  }

  /** Every job that waits for the destination alone is due now, up to so many tries. */
  wake(now: number, maxAttempts: number): void {
    for (const job of this.#jobs.values()) {
      if (job.waits && job.attempts <= maxAttempts) job.nextTryAt = Math.min(job.nextTryAt, now);
    }
    this.#nextLookAt = 0;
  }

  /** Makes one job due now. */
  hurry(id: string, now: number): void {
    const job = this.#jobs.get(id);
    if (job !== undefined) job.nextTryAt = Math.min(job.nextTryAt, now);
    this.#nextLookAt = 0;
  }

  /** The clock of the day jumped by so much: what is due by it moves along. */
  shift(jumpMs: number): void {
    for (const job of this.#jobs.values()) job.nextTryAt += jumpMs;
    this.#nextLookAt = 0;
  }

  lookAgain(): void {
    this.#nextLookAt = 0;
  }

  /** The next job that may go, marked as under way; undefined when there is none now. */
  take(now: number): { readonly job: Job; readonly kind: 'open' | 'test' | 'age' } | undefined {
    if (now < this.#nextLookAt) return undefined;
    let lookAt = now + LOOK_AGAIN_MS;
    for (const job of this.#jobs.values()) {
      if (this.#inFlight.has(job.id)) continue;
      const gate = this.carrier.gate(job, now);
      const mayGo = gate === 'test' || (gate === 'open' && job.nextTryAt <= now && this.#hasPlace);
      if (!mayGo && job.ageAt > now) {
        lookAt = Math.min(lookAt, gate === 'open' ? Math.max(job.nextTryAt, now) : lookAt, job.ageAt);
        // When one has no place none has.
        if (gate === 'open' && job.nextTryAt <= now) break;
        continue;
      }
      this.#inFlight.add(job.id);
      // The next test is another message's turn.
      if (gate === 'test') {
        this.#jobs.delete(job.id);
        this.#jobs.set(job.id, job);
      }
      return { job, kind: mayGo ? gate : 'age' };
    }
    this.#nextLookAt = this.#hasPlace ? lookAt : now + LOOK_AGAIN_MS;
    return undefined;
  }

  /** Jobs are counted from when they are taken; until it has answered, two find out whether it is there. */
  get #hasPlace(): boolean {
    const { pace, proven } = this.carrier;
    return this.#inFlight.size < (proven ? pace.limit : Math.min(pace.limit, UNPROVEN_JOBS));
  }

  /** The job came back; `done` when the destination has nothing more to do for this message. */
  end(job: Job, done: boolean): void {
    this.#inFlight.delete(job.id);
    if (done) this.#jobs.delete(job.id);
    this.#nextLookAt = 0;
  }
}
