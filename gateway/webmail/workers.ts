import type { Log } from '@postern/shared/runtime/log.ts';
import { type FromPooled, type ToPooled, WorkerPool } from '@postern/shared/runtime/worker-pool.ts';
import type { WebmailConfig } from './config.ts';

type OwnToWorker = { readonly kind: 'start'; readonly config: WebmailConfig } | { readonly kind: 'reload' };

export type ToWorker = ToPooled | OwnToWorker;
export type FromWorker = FromPooled;

/**
 * The processes that answer requests. A session is in its cookie, so that each of them can answer for any; the key is one file for
 * all.
 */
export class Workers extends WorkerPool<OwnToWorker, never> {
  constructor(config: WebmailConfig, log: Log) {
    super({ count: config.workers, start: () => ({ kind: 'start', config }), log });
  }

  reload(): void {
    this.sayAll({ kind: 'reload' });
  }
}
