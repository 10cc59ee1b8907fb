import type { Log } from '@postern/shared/runtime/log.ts';
import { type FromPooled, type ToPooled, WorkerPool } from '@postern/shared/runtime/worker-pool.ts';
import type { RelayConfig } from './config.ts';
import { answerQuestion, type MemoryNote, type MemoryQuestion, takeNote } from './memory/asked-memory.ts';
import { ConnectionsOfWorkers } from './memory/connections-of-workers.ts';
import type { RelayMemory } from './memory/relay-memory.ts';

type OwnToWorker =
  | { readonly kind: 'start'; readonly config: RelayConfig }
  | { readonly kind: 'reload'; readonly config: RelayConfig }
  | { readonly kind: 'remembered'; readonly id: number; readonly value: unknown };

type OwnFromWorker =
  | { readonly kind: 'not-reloaded'; readonly sentence: string }
  | { readonly kind: 'reloaded' }
  | { readonly kind: 'asks-memory'; readonly id: number; readonly question: MemoryQuestion }
  | { readonly kind: 'tells-memory'; readonly note: MemoryNote };

/** What the process that keeps the spool says to those that take mail. */
export type ToWorker = ToPooled | OwnToWorker;
/** … and what they say to it. */
export type FromWorker = FromPooled | OwnFromWorker;

/** The processes that take mail, and their settings. What is remembered of clients is remembered here, for all of them. */
export class Workers extends WorkerPool<OwnToWorker, OwnFromWorker> {
  readonly #settings: { config: RelayConfig };

  /** @param memory what all of them share */
  constructor(config: RelayConfig, memory: RelayMemory, log: Log) {
    const settings = { config };
    const connections = new ConnectionsOfWorkers();
    super({
      count: config.workers,
      start: () => ({ kind: 'start', ...settings }),
      onMessage(message, answer, worker) {
        if (message.kind === 'asks-memory') {
          const { id, question } = message;
          connections.asked(worker, question);
          void answerQuestion(memory, question).then((value) => answer({ kind: 'remembered', id, value }));
        } else if (message.kind === 'tells-memory') {
          connections.told(worker, message.note);
          takeNote(memory, message.note);
        } else log.info({ event: `worker-${message.kind}`, worker, ...message });
      },
      onExit: (worker) => connections.giveBack(worker, memory),
      log,
    });
    this.#settings = settings;
  }

  /** New settings for all; what one of them refuses is logged. */
  reload(config: RelayConfig): void {
    this.#settings.config = config;
    this.sayAll({ kind: 'reload', config });
  }
}
