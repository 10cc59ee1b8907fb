import type { Log } from '@postern/shared/runtime/log.ts';
import type { Mailstore } from './mailstore/mailstore.ts';

/**
 * Collects the mailstore's garbage from time to time; the first time after one pause, so that a start is not slowed.
 * Safe on several nodes at once. Resolves, when closed, after a run under way has ended.
 */
export function startHousekeeping(mailstore: Mailstore, log: Log, everyMs: number): { close(): Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(() => collect(mailstore, log));
  }, everyMs);
  timer.unref();
  return {
    close() {
      clearInterval(timer);
      return running;
    },
  };
}

async function collect(mailstore: Mailstore, log: Log): Promise<void> {
  try {
    log.info({ event: 'garbage-collected', ...(await mailstore.collectGarbage()) });
  } catch (error) {
    log.warn({ event: 'garbage-not-collected', cause: String(error) });
  }
}
