import cluster, { type Worker } from 'node:cluster';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { MetricValues } from '@postern/shared/runtime/metrics.ts';
import type { RelayConfig } from './config.ts';
import { answerQuestion, type MemoryNote, type MemoryQuestion, takeNote } from './memory/asked-memory.ts';
import { ConnectionsOfWorker } from './memory/connections-of-worker.ts';
import type { RelayMemory } from './memory/relay-memory.ts';

/** What the process that keeps the spool says to those that take mail. */
export type ToWorker =
  | { readonly kind: 'start'; readonly config: RelayConfig }
  | { readonly kind: 'reload'; readonly config: RelayConfig }
  | { readonly kind: 'tell'; readonly id: number }
  | { readonly kind: 'remembered'; readonly id: number; readonly value: unknown };

/** … and what they say to it. */
export type FromWorker =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'started'; readonly ports: readonly number[] }
  | { readonly kind: 'not-started' | 'not-reloaded'; readonly sentence: string }
  | { readonly kind: 'reloaded' }
  | { readonly kind: 'told'; readonly id: number; readonly metrics: MetricValues }
  | { readonly kind: 'asks-memory'; readonly id: number; readonly question: MemoryQuestion }
  | { readonly kind: 'tells-memory'; readonly note: MemoryNote };

/** A worker that died is started again after this pause, doubled each time up to the longest. */
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A worker that ran so long begins anew at the first pause. */
const STEADY_MS = 60_000;
/** Longest that the metrics of a worker are waited for. */
const TELL_MS = 1_000;

/**
 * The processes that take mail. They share the listening sockets (node's cluster hands connections out in turn), get their
 * settings from here and not from the file, so that one that dies comes back with the settings that were accepted, and are
 * started again when they die.
 */
export class Workers {
  readonly #log: Log;
  readonly #asked = new Map<number, (metrics: MetricValues) => void>();
  readonly #memory: RelayMemory;
  #config: RelayConfig;
  #questions = 0;
  #stopping = false;
  #ready = 0;

  /** @param memory what all of them share */
  constructor(config: RelayConfig, memory: RelayMemory, log: Log) {
    this.#config = config;
    this.#memory = memory;
    this.#log = log;
  }

  /** Workers that answer. */
  get ready(): number {
    return this.#ready;
  }

  /** Starts all of them; resolves with the ports. Rejects with the sentence of the first that cannot start. */
  async start(): Promise<readonly number[]> {
    const all = await Promise.all(Array.from({ length: this.#config.workers }, () => this.#fork(PAUSE_MS)));
    return all[0] ?? [];
  }

  /** New settings for all; what one of them refuses is logged. */
  reload(config: RelayConfig): void {
    this.#config = config;
    for (const worker of workers()) say(worker, { kind: 'reload', config });
  }

  /** Metrics of each worker that answers in time. */
  async metrics(): Promise<readonly MetricValues[]> {
    const answers = await Promise.all(workers().map((worker) => this.#ask(worker)));
    return answers.filter((metrics) => metrics !== undefined);
  }

  /** Ends all in good order. */
  async close(): Promise<void> {
    this.#stopping = true;
    const ended = workers().map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    for (const worker of workers()) worker.process.kill('SIGTERM');
    await Promise.all(ended);
  }

  #fork(pauseMs: number): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      const worker = cluster.fork();
      const startedAt = performance.now();
      let answers = false;
      const connections = new ConnectionsOfWorker();
      worker.on('message', (message: FromWorker) => {
        if (connections.gone) return;
        if (message.kind === 'waiting') say(worker, { kind: 'start', config: this.#config });
        else if (message.kind === 'started') {
          answers = true;
          this.#ready++;
          resolve(message.ports);
        } else if (message.kind === 'not-started') reject(new Error(message.sentence));
        else if (message.kind === 'told') this.#asked.get(message.id)?.(message.metrics);
        else if (message.kind === 'asks-memory') {
          const { id, question } = message;
          connections.asked(question);
          void answerQuestion(this.#memory, question).then((value) => say(worker, { kind: 'remembered', id, value }));
        } else if (message.kind === 'tells-memory') {
          connections.told(message.note);
          takeNote(this.#memory, message.note);
        } else this.#log.info({ event: `worker-${message.kind}`, worker: worker.process.pid, ...message });
      });
      worker.once('exit', (code, signal) => {
        if (answers) this.#ready--;
        connections.giveBack(this.#memory);
        reject(new Error(`a worker ended with ${signal ?? code} before it answered`));
        if (this.#stopping) return;
        this.#log.error({ event: 'worker-died', worker: worker.process.pid, code, signal });
        const pause = performance.now() - startedAt > STEADY_MS ? PAUSE_MS : pauseMs;
        setTimeout(() => {
          if (this.#stopping) return;
          // Whether it comes up is told by the log, and tried again when it does not.
          this.#fork(Math.min(pause * 2, LONGEST_PAUSE_MS)).catch(() => undefined);
        }, pause);
      });
    });
  }

  #ask(worker: Worker): Promise<MetricValues | undefined> {
    const id = this.#questions++;
    return new Promise((resolve) => {
      const done = (metrics?: MetricValues): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
        resolve(metrics);
      };
      const timer = setTimeout(() => done(), TELL_MS);
      this.#asked.set(id, done);
      say(worker, { kind: 'tell', id });
    });
  }
}

function workers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

/** A worker that is dying hears nothing more; its exit is told elsewhere. */
function say(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}
