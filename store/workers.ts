import type { Worker } from 'node:cluster';
import { forkWorker } from '@postern/shared/runtime/forked-worker.ts';
import type { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { AskedLimits, type FromLimitedWorker, type LimitsAnswer } from './sign-in/asked-limits.ts';
import { LimitsKeeper } from './sign-in/limits-keeper.ts';
import { OwnLimits, type SignInLimits } from './sign-in/sign-in-limits.ts';

/** Name of the variable that tells a worker its number, from 1. */
const NUMBER = 'POSTERN_WORKER';
const PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
/** A worker that lived for so long begins anew with the shortest pause. */
const GOOD_LIFE_MS = 60_000;

/** What this process is: the only one (0), a worker (its number from 1), or the one that starts the workers. */
export function workerNumber(): number {
  return Number(process.env[NUMBER] ?? 0);
}

/** The limits of sign-in, as they hold for this process: its own, or those that the process keeps that started it. */
export function limitsOf(log: Log): SignInLimits {
  if (workerNumber() === 0) return new OwnLimits();
  const limits = new AskedLimits((message) => process.send?.(message), log);
  process.on('message', (message: { readonly kind?: unknown }) => {
    if (message.kind === 'limits-answered') limits.heard(message as LimitsAnswer);
  });
  return limits;
}

/** Readiness, a fault of the start, or what it asks the keeper of limits. */
type FromWorker = FromLimitedWorker | { readonly kind?: undefined; readonly ready?: boolean };

/**
 * Starts the workers of one host and keeps them alive. They share the listening sockets and the limits of sign-in, which this process
 * keeps; what one commits, the others learn from the change feed, as processes of other hosts do. Says ready when all are. SIGHUP is
 * passed on; an end waits for theirs.
 */
export function superviseWorkers(count: number, lifecycle: Lifecycle, log: Log): void {
  let ending = false;
  let said = false;
  const ready = new Map<number, Record<string, unknown>>();
  const running = new Map<number, Worker>();
  const pauses = new Map<number, number>();
  const keeper = new LimitsKeeper();

  const fork = (n: number): void => {
    const worker = forkWorker({ [NUMBER]: String(n) });
    running.set(n, worker);
    const startedAt = Date.now();
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'asks-limits') {
        const answer: LimitsAnswer = {
          kind: 'limits-answered',
          id: message.id,
          value: keeper.answer(n, message.question),
        };
        // One that is dying hears nothing more.
        if (worker.isConnected()) worker.send(answer, () => undefined);
        return;
      }
      if (message.kind === 'tells-limits') {
        keeper.takeNote(n, message.note);
        return;
      }
      // A fault at the start is for who started us, in the words of the worker.
      if (message.ready !== true) {
        process.send?.(message);
        return;
      }
      ready.set(n, message);
      if (said || ready.size < count) return;
      said = true;
      const { ready: _, ...details } = message;
      lifecycle.ready({ ...details, workers: count });
    });
    worker.once('exit', (code, signal) => {
      running.delete(n);
      keeper.forget(n);
      if (ending) return;
      if (!ready.has(n) && !said) {
        void lifecycle.stop(1, `worker ${n} did not start`);
        return;
      }
      const lived = Date.now() - startedAt;
      const pause = lived > GOOD_LIFE_MS ? PAUSE_MS : Math.min((pauses.get(n) ?? PAUSE_MS / 2) * 2, MAX_PAUSE_MS);
      pauses.set(n, pause);
      log.error({ event: 'worker-ended', worker: n, code, signal, nextStartInMs: pause });
      setTimeout(() => {
        if (!ending) fork(n);
      }, pause);
    });
  };

  lifecycle.add({
    name: 'workers',
    async close() {
      ending = true;
      const ended = [...running.values()].map((worker) => new Promise((done) => worker.once('exit', done)));
      for (const worker of running.values()) worker.process.kill('SIGTERM');
      await Promise.all(ended);
    },
  });
  lifecycle.onReload(() => {
    for (const worker of running.values()) worker.process.kill('SIGHUP');
  });
  for (let n = 1; n <= count; n++) fork(n);
}
