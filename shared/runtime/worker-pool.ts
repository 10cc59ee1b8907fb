import cluster, { type Worker } from 'node:cluster';
import { forkWorker } from './forked-worker.ts';
import type { Log } from './log.ts';
import type { MetricValues } from './metrics.ts';

/** What the process that starts the others says to each, beside what its service says. */
export type ToPooled = { readonly kind: 'tell'; readonly id: number };

/** … and what each says to it. */
export type FromPooled =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'started'; readonly ports: readonly number[] }
  | { readonly kind: 'not-started'; readonly sentence: string }
  | { readonly kind: 'told'; readonly id: number; readonly metrics: MetricValues };

export interface WorkerPoolOptions<To, From> {
  readonly count: number;
  /** What a worker that waits is told: to start, with the settings that hold now. */
  readonly start: () => To;
  /** What is the service's own to answer. */
  readonly onMessage?: (message: From, answer: (message: To) => void, pid: number) => void;
  /** A worker has ended; nothing of its comes after that. */
  readonly onExit?: (pid: number) => void;
  readonly log: Log;
}

/** A worker that died is started again after this pause, doubled each time up to the longest. */
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A worker that ran so long begins anew at the first pause. */
const STEADY_MS = 60_000;
/** Longest that the metrics of a worker are waited for. */
const TELL_MS = 1_000;

/**
 * Processes that share listening sockets, for as many processor cores. They get their settings from here and not from the file, so
 * that one that dies comes back with the settings that were accepted, and are started again when they die.
 */
export class WorkerPool<To extends { readonly kind: string }, From extends { readonly kind: string }> {
  readonly #options: WorkerPoolOptions<To, From>;
  readonly #asked = new Map<number, (metrics: MetricValues) => void>();
  #questions = 0;
  #stopping = false;
  #ready = 0;

  constructor(options: WorkerPoolOptions<To, From>) {
    this.#options = options;
  }

  /** Workers that answer. */
  get ready(): number {
    return this.#ready;
  }

  /** Starts all of them; resolves with the ports. Rejects with the sentence of the first that cannot start. */
  async start(): Promise<readonly number[]> {
    const all = await Promise.all(Array.from({ length: this.#options.count }, () => this.#fork(PAUSE_MS)));
    return all[0] ?? [];
  }

  sayAll(message: To): void {
    for (const worker of workers()) say(worker, message);
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
    const { start, onMessage, onExit, log } = this.#options;
    return new Promise((resolve, reject) => {
      const worker = forkWorker();
      const startedAt = performance.now();
      const pid = worker.process.pid ?? 0;
      let answers = false;
      let ended = false;
      worker.on('message', (message: FromPooled | From) => {
        if (ended) return;
        if (!isPooled(message)) onMessage?.(message, (answer) => say(worker, answer), pid);
        else if (message.kind === 'waiting') say(worker, start());
        else if (message.kind === 'told') this.#asked.get(message.id)?.(message.metrics);
        else if (message.kind === 'not-started') reject(new Error(message.sentence));
        else {
          answers = true;
          this.#ready++;
          resolve(message.ports);
        }
      });
      worker.once('exit', (code, signal) => {
        ended = true;
        if (answers) this.#ready--;
        onExit?.(pid);
        reject(new Error(`a worker ended with ${signal ?? code} before it answered`));
        if (this.#stopping) return;
        log.error({ event: 'worker-died', worker: pid, code, signal });
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
      const question: ToPooled = { kind: 'tell', id };
      say(worker, question);
    });
  }
}

const POOLED: readonly string[] = ['waiting', 'started', 'not-started', 'told'] satisfies FromPooled['kind'][];

function isPooled(message: { readonly kind: string }): message is FromPooled {
  return POOLED.includes(message.kind);
}

function workers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

/** A worker that is dying hears nothing more; its exit is told elsewhere. */
function say(worker: Worker, message: { readonly kind: string }): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}
