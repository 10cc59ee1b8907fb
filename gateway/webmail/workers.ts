import cluster, { type Worker } from 'node:cluster';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { MetricValues } from '@postern/shared/runtime/metrics.ts';
import type { WebmailConfig } from './config.ts';

export type ToWorker =
  | { readonly kind: 'start'; readonly config: WebmailConfig }
  | { readonly kind: 'reload' }
  | { readonly kind: 'tell'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'started'; readonly ports: readonly number[] }
  | { readonly kind: 'not-started'; readonly sentence: string }
  | { readonly kind: 'told'; readonly id: number; readonly metrics: MetricValues };

/** A worker that died is started again after this. */
const PAUSE_MS = 1_000;
/** Longest that the metrics of a worker are waited for. */
const TELL_MS = 1_000;

/**
 * The processes that answer requests, on shared sockets. A session is in its cookie, so that each of them can answer for any; the
 * key is one file for all.
 */
export class Workers {
  readonly #config: WebmailConfig;
  readonly #log: Log;
  readonly #asked = new Map<number, (metrics: MetricValues) => void>();
  #questions = 0;
  #stopping = false;
  ready = 0;

  constructor(config: WebmailConfig, log: Log) {
    this.#config = config;
    this.#log = log;
  }

  /** Starts all of them; resolves with the ports. Rejects with the sentence of the first that cannot start. */
  async start(): Promise<readonly number[]> {
    const all = await Promise.all(Array.from({ length: this.#config.workers }, () => this.#fork()));
    return all[0] ?? [];
  }

  reload(): void {
    for (const worker of workers()) say(worker, { kind: 'reload' });
  }

  async metrics(): Promise<readonly MetricValues[]> {
    const answers = await Promise.all(workers().map((worker) => this.#ask(worker)));
    return answers.filter((metrics) => metrics !== undefined);
  }

  async close(): Promise<void> {
    this.#stopping = true;
    const ended = workers().map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    for (const worker of workers()) worker.process.kill('SIGTERM');
    await Promise.all(ended);
  }

  #fork(): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      const worker = cluster.fork();
      let answers = false;
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'waiting') say(worker, { kind: 'start', config: this.#config });
        else if (message.kind === 'told') this.#asked.get(message.id)?.(message.metrics);
        else if (message.kind === 'not-started') reject(new Error(message.sentence));
        else {
          answers = true;
          this.ready += 1;
          resolve(message.ports);
        }
      });
      worker.once('exit', (code, signal) => {
        if (answers) this.ready -= 1;
        reject(new Error(`a worker ended with ${signal ?? code} before it answered`));
        if (this.#stopping) return;
        this.#log.error({ event: 'worker-died', worker: worker.process.pid, code, signal });
        // Whether it comes up is told by the log, and tried again when it does not.
        setTimeout(() => !this.#stopping && void this.#fork().catch(() => undefined), PAUSE_MS);
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
