import type { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import { type Log, openLog } from '@postern/shared/runtime/log.ts';
import { Metrics } from '@postern/shared/runtime/metrics.ts';
import { SESSIONS_GAUGE } from './admin/services.ts';
import type { RelayConfig } from './config.ts';
import { AskedMemory } from './memory/asked-memory.ts';
import { type Relay, startRelay } from './relay.ts';
import type { FromWorker, ToWorker } from './workers.ts';

/** A process that takes mail beside others, in the hands of the one that started it (workers.ts). */
export function runWorker(newLifecycle: (log: Log) => Lifecycle): void {
  const metrics = new Metrics();
  metrics.gauge({ ...SESSIONS_GAUGE, read: () => relay?.sessions ?? 0 });
  let relay: Relay | undefined;
  let memory: AskedMemory | undefined;
  const start = async (config: RelayConfig): Promise<void> => {
    const log = openLog({ name: 'relay', ...config.log });
    const lifecycle = newLifecycle(log);
    // The signal goes to the whole process group when a terminal hangs up; the settings come from the other process.
    lifecycle.onReload(() => undefined);
    try {
      memory = new AskedMemory(
        (id, question) => say({ kind: 'asks-memory', id, question }),
        (note) => say({ kind: 'tells-memory', note }),
        log,
      );
      const started = await startRelay(config, log, 'worker', memory);
      relay = started;
      lifecycle.add({ name: 'relay', close: () => started.close() });
      say({ kind: 'started', ports: started.ports });
    } catch (error) {
      log.fatal({ event: 'start-failed', err: error });
      say({ kind: 'not-started', sentence: sentenceOf(error) });
      await lifecycle.stop(1, 'start failed');
    }
  };
  process.on('message', (message: ToWorker) => {
    if (message.kind === 'remembered') memory?.answered(message.id, message.value);
    else if (message.kind === 'start') void start(message.config);
    else if (message.kind === 'reload') {
      relay?.reload(message.config).then(
        () => say({ kind: 'reloaded' }),
        (error: unknown) => say({ kind: 'not-reloaded', sentence: sentenceOf(error) }),
      );
    } else {
      const { id } = message;
      void metrics.values().then((values) => say({ kind: 'told', id, metrics: values }));
    }
  });
  say({ kind: 'waiting' });
}

function say(message: FromWorker): void {
  process.send?.(message);
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
