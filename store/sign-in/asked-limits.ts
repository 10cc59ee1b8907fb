import { AskedProcess } from '@postern/shared/runtime/asked-process.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { SessionCounts, SignInLimits, SignInThrottle } from './sign-in-limits.ts';

/** A question to the process that keeps the limits of all workers. */
export type LimitQuestion =
  | { readonly what: 'delay'; readonly keys: readonly string[] }
  | { readonly what: 'admit'; readonly service: string; readonly accountId: number; readonly max: number };

/** What it is told, and does not answer. */
export type LimitNote =
  | { readonly what: 'failed'; readonly keys: readonly string[] }
  | { readonly what: 'succeeded'; readonly key: string }
  | { readonly what: 'dismiss'; readonly service: string; readonly accountId: number };

/** Messages from a worker, and to it. */
export type FromLimitedWorker =
  | { readonly kind: 'asks-limits'; readonly id: number; readonly question: LimitQuestion }
  | { readonly kind: 'tells-limits'; readonly note: LimitNote };
export interface LimitsAnswer {
  readonly kind: 'limits-answered';
  readonly id: number;
  readonly value: unknown;
}

/** The limits of a worker: the process that started it keeps them. */
export class AskedLimits implements SignInLimits {
  readonly throttle: SignInThrottle;
  readonly #asked: AskedProcess<LimitQuestion>;
  readonly #tell: (note: LimitNote) => void;

  constructor(say: (message: FromLimitedWorker) => void, log: Log) {
    this.#asked = new AskedProcess((id, question) => say({ kind: 'asks-limits', id, question }), log);
    this.#tell = (note) => say({ kind: 'tells-limits', note });
    this.throttle = {
      delayMs: (keys) => this.#asked.ask({ what: 'delay', keys }, 0),
      failed: (keys) => this.#tell({ what: 'failed', keys }),
      succeeded: (key) => this.#tell({ what: 'succeeded', key }),
    };
  }

  sessionCounts(service: string, max: number): SessionCounts {
    return {
      admit: (accountId) => this.#asked.ask({ what: 'admit', service, accountId, max }, true),
      dismiss: (accountId) => this.#tell({ what: 'dismiss', service, accountId }),
    };
  }

  /** A message has come from the process that keeps them. */
  heard(message: LimitsAnswer): void {
    this.#asked.answered(message.id, message.value);
  }
}
