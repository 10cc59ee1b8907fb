import { DestinationPace } from '@postern/shared/delivery/destination-pace.ts';
import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import { healthOfOutcome } from '../store-link.ts';
import type { Stores } from '../stores.ts';
import type { Carried, Carrier, Gate, Job, Schedule } from './carrier.ts';
import type { SpooledMessage } from './spool.ts';
import { envelopeFor, type SpoolRecipient } from './spool-file.ts';

/** Longest pause between two tests of a store that answers 4.3.z. */
const MAX_AILING_TEST_MS = 15_000;

/**
 * The way to one store by LMTP. While it is away or ailing one message at a time tests it, in turn, so that no single
 * message can block the others.
 */
export class StoreCarrier implements Carrier {
  readonly pace: DestinationPace;
  readonly schedule: Schedule;
  readonly #name: string;
  readonly #stores: Stores;
  readonly #testMs: number;
  #nextTestAt = 0;
  #testPauseMs: number;

  constructor(name: string, stores: Stores, schedule: Schedule, testMs: number, concurrency: number) {
    this.#name = name;
    this.#stores = stores;
    this.schedule = schedule;
    this.#testMs = testMs;
    this.#testPauseMs = testMs;
    this.pace = new DestinationPace(concurrency);
  }

  get proven(): boolean {
    return true;
  }

  gate(job: Job): Gate {
    const now = performance.now();
    const health = this.#stores.linkOf(this.#name)?.health;
    if (!job.waits || health === 'up') return 'open';
    if (now < this.#nextTestAt) return 'closed';
    this.#nextTestAt = now + this.#testPauseMs;
    // Longer pauses for one that answers and cannot.
    if (health === 'ailing') {
      this.#testPauseMs = Math.min(this.#testPauseMs * 1.5, Math.max(MAX_AILING_TEST_MS, this.#testPauseMs));
    }
    return 'test';
  }

  /** The store answers again. */
  isUp(): void {
    this.#nextTestAt = 0;
    this.#testPauseMs = this.#testMs;
  }

  async send(message: SpooledMessage, recipients: readonly SpoolRecipient[]): Promise<Carried> {
    const { deliveryId, placement } = message.envelope;
    const options = { deliveryId, placement, size: message.content.length };
    let result: 'well' | 'overloaded' | 'neither' = 'neither';
    this.pace.begin();
    try {
      const outcomes = await this.#stores.send(envelopeFor(message.envelope, recipients), message.content, options);
      if (outcomes.some((outcome) => outcome.kind === 'deferred' && isOverload(outcome))) result = 'overloaded';
      else if (outcomes.some((outcome) => outcome.kind === 'delivered')) result = 'well';
      return {
        outcomes: new Map(recipients.map((r, i) => [r.address, outcomes[i]!])),
        nobodyThere: outcomes.every((o) => o.reply.enhanced === '4.4.1'),
        // RFC 2033 §4.2: its reply is the delivery itself; the report about that is made here.
        reportsPassedOn: new Set(),
        next: 'store',
      };
    } finally {
      this.pace.end(result);
    }
  }
}

/** Nobody there, or nobody who can: no word on the recipient. */
export function isSilence(outcome: Outcome): boolean {
  const health = healthOfOutcome(outcome);
  return health === 'away' || health === 'ailing';
}

/** RFC 3463 §3.4, §3.5: busy, congested, or too ill to take it. */
export function isOverload(outcome: Outcome): boolean {
  return isSilence(outcome) || outcome.reply.enhanced === '4.3.2' || outcome.reply.enhanced === '4.4.5';
}
