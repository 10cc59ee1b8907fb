import type { Log } from '@postern/shared/runtime/log.ts';
import { type FromPooled, type ToPooled, WorkerPool } from '@postern/shared/runtime/worker-pool.ts';
import type { WebmailConfig } from './config.ts';
import { type BackOffNote, type BackOffQuestion, takeNote } from './http/asked-back-off.ts';
import { BackOff } from './http/back-off.ts';

type OwnToWorker =
  | { readonly kind: 'start'; readonly config: WebmailConfig }
  | { readonly kind: 'reload' }
  | { readonly kind: 'answer'; readonly id: number; readonly waitMs: number };

type OwnFromWorker =
  | { readonly kind: 'question'; readonly id: number; readonly question: BackOffQuestion }
  | { readonly kind: 'note'; readonly note: BackOffNote };

export type ToWorker = ToPooled | OwnToWorker;
export type FromWorker = FromPooled | OwnFromWorker;

/**
 * The processes that answer requests. A session is in its cookie, so that each of them can answer for any; the key is one file for
 * all. Who guesses is counted here.
 */
export class Workers extends WorkerPool<OwnToWorker, OwnFromWorker> {
  constructor(config: WebmailConfig, log: Log) {
    const backOff = new BackOff();
    super({
      count: config.workers,
      start: () => ({ kind: 'start', config }),
      onMessage(message, answer) {
        if (message.kind === 'note') takeNote(backOff, message.note);
        else answer({ kind: 'answer', id: message.id, waitMs: backOff.waitMs(message.question.keys) });
      },
      log,
    });
  }

  reload(): void {
    this.sayAll({ kind: 'reload' });
  }
}
