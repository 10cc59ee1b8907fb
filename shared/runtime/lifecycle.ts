import type { Log } from './log.ts';
import { type ServiceManager, serviceManager } from './service-manager.ts';

/** Something that has to end in good order when the process stops; later registered ones end first. */
export interface Closing {
  readonly name: string;
  readonly close: () => Promise<void>;
}

/**
 * The life of one process: SIGTERM and SIGINT end it in order within a deadline, a second signal at once. SIGHUP is
 * passed to `onReload`. An unhandled fault is logged and ends the process with 1, so that the supervisor starts it
 * anew in a known state.
 */
export class Lifecycle {
  readonly #log: Log;
  readonly #closings: Closing[] = [];
  readonly #deadlineMs: number;
  readonly #serviceManager: ServiceManager;
  #stopping = false;

  constructor(log: Log, deadlineMs = 20_000) {
    this.#log = log;
    this.#deadlineMs = deadlineMs;
    this.#serviceManager = serviceManager((error) => log.warn({ event: 'service-manager-not-told', err: error }));
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (this.#stopping) this.#exit(1);
        void this.stop(0, signal);
      });
    }
    process.on('uncaughtException', (error) => this.#fault(error));
    process.on('unhandledRejection', (error) => this.#fault(error));
    // A child of the demo launcher ends with it, however the launcher died.
    process.on('disconnect', () => void this.stop(0, 'launcher gone'));
  }

  /** Registers something to end; ended in reverse order. */
  add(closing: Closing): void {
    this.#closings.push(closing);
  }

  onReload(reload: () => void): void {
    process.on('SIGHUP', reload);
  }

  /** Says that every listener answers: in the log, and to the launcher or service manager that started this process. */
  ready(details: Record<string, unknown> = {}): void {
    this.#log.info({ event: 'ready', ...details });
    process.send?.({ ready: true, ...details });
    this.#serviceManager.ready();
  }

  async stop(code: number, why: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.info({ event: 'stopping', why });
    this.#serviceManager.stopping();
    const timer = setTimeout(() => {
      this.#log.error({ event: 'stop-deadline-passed' });
      this.#exit(1);
    }, this.#deadlineMs);
    timer.unref();
    for (const closing of this.#closings.reverse()) {
      try {
        await closing.close();
      } catch (error) {
        this.#log.error({ event: 'close-failed', part: closing.name, err: error });
      }
    }
    this.#log.info({ event: 'stopped' });
    this.#exit(code);
  }

  #fault(error: unknown): void {
    this.#log.fatal({ event: 'fault', err: error });
    if (this.#stopping) this.#exit(1);
    void this.stop(1, 'fault');
  }

  #exit(code: number): void {
    this.#log.flush(() => process.exit(code));
    setTimeout(() => process.exit(code), 500).unref();
  }
}
