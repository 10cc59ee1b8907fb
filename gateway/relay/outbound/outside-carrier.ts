import { DestinationPace } from '@postern/shared/delivery/destination-pace.ts';
import { retryPauseMs } from '@postern/shared/delivery/retry-schedule.ts';
import type { TriedOutcome } from '../spool/attempt.ts';
import type { Carried, Carrier, Gate, Job, Schedule } from '../spool/carrier.ts';
import type { SpooledMessage } from '../spool/spool.ts';
import type { SpoolRecipient } from '../spool/spool-file.ts';
import type { Outgoing, OutsideWay } from './outside-way.ts';

/** RFC 5321 §4.5.3.1.8: every server takes so many recipients. */
const RECIPIENTS_AT_ONCE = 100;

/**
 * The way to one domain outside. A domain that nobody could be reached of rests, for all its messages together, longer each
 * time: then one message tests it.
 */
export class OutsideCarrier implements Carrier {
  readonly pace: DestinationPace;
  readonly schedule: Schedule;
  readonly #domain: string;
  readonly #way: OutsideWay;
  #answers = false;
  #restUntil = 0;
  #failures = 0;

  constructor(domain: string, way: OutsideWay, schedule: Schedule, perDestination: number) {
    this.#domain = domain;
    this.#way = way;
    this.schedule = schedule;
    this.pace = new DestinationPace(perDestination);
  }

  get proven(): boolean {
    return this.#answers;
  }

  gate(job: Job, now: number): Gate {
    if (this.#way.isHeld(this.#domain)) return 'closed';
    // A first try after a rest is everybody's.
    return performance.now() < this.#restUntil && job.ageAt > now ? 'closed' : 'open';
  }

  async send(message: SpooledMessage, recipients: readonly SpoolRecipient[]): Promise<Carried> {
    this.pace.begin();
    let result: 'well' | 'overloaded' | 'neither' = 'neither';
    try {
      const outcomes = new Map<string, TriedOutcome>();
      const reportsPassedOn = new Set<string>();
      let last: Outgoing | undefined;
      const content = await this.#way.prepare(message);
      for (let from = 0; from < recipients.length; from += RECIPIENTS_AT_ONCE) {
        const some = recipients.slice(from, from + RECIPIENTS_AT_ONCE);
        last = await this.#way.send(this.#domain, message, content, some);
        for (const [index, recipient] of some.entries()) {
          const outcome = last.outcomes[index];
          if (outcome === undefined) throw new Error('an outcome is missing');
          outcomes.set(recipient.address, { ...outcome, remoteMta: last.host });
          if (outcome.kind === 'delivered' && last.reportsPassedOn) reportsPassedOn.add(recipient.address);
        }
      }
      result = this.#learn(last);
      return {
        outcomes,
        nobodyThere: false,
        reportsPassedOn,
        next: last?.host ?? this.#domain,
        tls: last?.tls,
      };
    } finally {
      this.pace.end(result);
    }
  }

  #learn(outgoing: Outgoing | undefined): 'well' | 'overloaded' | 'neither' {
    if (outgoing === undefined) return 'neither';
    if (outgoing.reached === 'answered') {
      this.#answers = true;
      this.#failures = 0;
      this.#restUntil = 0;
      // RFC 3463 §3.5: congestion and too many connections are about us, not about the message.
      const busy = outgoing.outcomes.some(
        (o) => o.kind === 'deferred' && (o.reply.code === 421 || o.reply.enhanced === '4.4.5'),
      );
      return busy ? 'overloaded' : 'well';
    }
    if (outgoing.reached === 'not-tried') return 'neither';
    this.#answers = false;
    // Messages that failed together are one failure.
    if (performance.now() >= this.#restUntil) {
      this.#failures++;
      const { retryMs, maxRetryMs } = this.schedule;
      this.#restUntil =
        performance.now() + retryPauseMs({ firstMs: retryMs, maxMs: maxRetryMs }, this.#failures, Math.random()) / 2;
    }
    return 'overloaded';
  }
}
