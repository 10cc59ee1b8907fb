import type { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import { type Log, openLog } from '@postern/shared/runtime/log.ts';
import { Metrics } from '@postern/shared/runtime/metrics.ts';
import type { WebmailConfig } from './config.ts';
import { observe } from './health.ts';
import { AskedBackOff } from './http/asked-back-off.ts';
import { startWebmail, type Webmail } from './webmail.ts';
import type { FromWorker, ToWorker } from './workers.ts';

/** A process that answers requests beside others, in the hands of the one that started it (workers.ts). */
export function runWorker(newLifecycle: (log: Log) => Lifecycle): void {
  const metrics = new Metrics();
  let log: Log | undefined;
  let webmail: Webmail | undefined;
  let backOff: AskedBackOff | undefined;
  const start = async (config: WebmailConfig): Promise<void> => {
    const opened = openLog({ name: 'webmail', ...config.log });
    log = opened;
    const lifecycle = newLifecycle(opened);
    // The signal goes to the whole process group when a terminal hangs up; the word comes from the other process.
    lifecycle.onReload(() => undefined);
    try {
      backOff = new AskedBackOff(
        (id, question) => say({ kind: 'question', id, question }),
        (note) => say({ kind: 'note', note }),
        opened,
      );
      const started = await startWebmail(config, opened, backOff);
      webmail = started;
      observe(metrics, started);
      lifecycle.add({ name: 'webmail', close: () => started.close() });
      say({ kind: 'started', ports: started.ports });
    } catch (error) {
      opened.fatal({ event: 'start-failed', err: error });
      say({ kind: 'not-started', sentence: (error as Error).message });
      await lifecycle.stop(1, 'start failed');
    }
  };
  const reload = (): void => {
    try {
      webmail?.reload();
    } catch (error) {
      log?.error({ event: 'certificates-not-reloaded', kept: 'the old ones', err: error });
    }
  };
  process.on('message', (message: ToWorker) => {
    if (message.kind === 'start') void start(message.config);
    else if (message.kind === 'reload') reload();
    else if (message.kind === 'answer') backOff?.answered(message.id, message.waitMs);
    else void metrics.values().then((values) => say({ kind: 'told', id: message.id, metrics: values }));
  });
  say({ kind: 'waiting' });
}

function say(message: FromWorker): void {
  process.send?.(message);
}
