import type { DestinationPace } from '@postern/shared/delivery/destination-pace.ts';
import type { TriedOutcome } from './attempt.ts';
import type { SpooledMessage } from './spool.ts';
import type { SpoolRecipient } from './spool-file.ts';

/** One message's copy for one destination, waiting for its turn. */
export interface Job {
  readonly id: string;
  readonly contentBytes: number;
  nextTryAt: number;
  attempts: number;
  /** It waits for the destination and not because of itself: due as soon as that answers. */
  waits: boolean;
  /** When something is due even while nothing can be sent: its end, or a word to its sender. */
  ageAt: number;
}

/** Whether a job may be tried now: `test` may whether due or not, and does not count as a try. */
export type Gate = 'open' | 'test' | 'closed';

/** What became of the recipients of one job. */
export interface Carried {
  /** By address as spooled. */
  readonly outcomes: ReadonlyMap<string, TriedOutcome>;
  /** The job waits for the destination alone, and this was no try of the message. */
  readonly nobodyThere: boolean;
  /** Addresses of which the next server promised to report (RFC 3461 §4), so that we need not. */
  readonly reportsPassedOn: ReadonlySet<string>;
  /** For the log: what it went to, and how it was protected. */
  readonly next: string;
  readonly tls?: string | undefined;
}

/** How messages get to one destination: a store, or a domain outside. Holds what is known of its health. */
export interface Carrier {
  readonly pace: DestinationPace;
  /** It has answered lately; destinations that have not never take all places. */
  readonly proven: boolean;
  /** The schedule of its tries. */
  readonly schedule: Schedule;
  gate(job: Job, now: number): Gate;
  send(message: SpooledMessage, recipients: readonly SpoolRecipient[]): Promise<Carried>;
}

export interface Schedule {
  readonly retryMs: number;
  readonly maxRetryMs: number;
  readonly lifetimeMs: number;
  /** 0: nobody is told that a message waits. */
  readonly delayWarningMs: number;
}
