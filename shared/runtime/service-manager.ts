import { execFile } from 'node:child_process';

/** What a service manager is told: sd_notify(3). */
export interface ServiceManager {
  /** Every listener answers. From now on the watchdog is fed, if there is one. */
  ready(): void;
  stopping(): void;
}

const NOBODY: ServiceManager = { ready: () => undefined, stopping: () => undefined };
/** sd_watchdog_enabled(3) advises half of the time; a third leaves room for a slow fork. */
const FEEDS_PER_TIMEOUT = 3;

/**
 * The service manager that started this process, by the environment that systemd gives (`NOTIFY_SOCKET`, `WATCHDOG_USEC`). Node
 * has no datagram sockets of the Unix family, so `systemd-notify` carries each word; the unit therefore needs
 * `NotifyAccess=all`. The watchdog is fed by a timer of the event loop: a loop that hangs feeds nothing. Processes with
 * a launcher of ours (workers, parts of the demo) inherit the environment and say nothing.
 *
 * @param onFault called when a word could not be carried
 */
export function serviceManager(
  onFault: (error: Error) => void,
  environment: NodeJS.ProcessEnv = process.env,
  hasLauncher = process.send !== undefined,
): ServiceManager {
  if (environment.NOTIFY_SOCKET === undefined || hasLauncher) return NOBODY;
  const tell = (...words: string[]): void => {
    execFile('systemd-notify', words, { env: environment, timeout: 5_000 }, (error) => {
      if (error !== null) onFault(error);
    });
  };
  const watchdogMs = watchdogTimeoutMs(environment);
  let feeding: NodeJS.Timeout | undefined;
  return {
    ready() {
      tell('--ready', `--pid=${process.pid}`);
      if (watchdogMs === undefined || feeding !== undefined) return;
      feeding = setInterval(() => tell('WATCHDOG=1'), watchdogMs / FEEDS_PER_TIMEOUT);
      feeding.unref();
    },
    stopping() {
      // The watchdog goes on being fed: a stop in good order may take longer than its timeout.
      tell('STOPPING=1');
    },
  };
}

function watchdogTimeoutMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid) return undefined;
  const microseconds = Number(WATCHDOG_USEC ?? 0);
  return microseconds > 0 ? microseconds / 1_000 : undefined;
}
