import cluster from 'node:cluster';
import { parseArgs } from 'node:util';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import { type Log, openLog } from '@postern/shared/runtime/log.ts';
import { Metrics } from '@postern/shared/runtime/metrics.ts';
import { startPrivateServices } from './admin/services.ts';
import { type RelayConfig, relayConfigSchema } from './config.ts';
import { startRelay } from './relay.ts';
import { runWorker } from './worker.ts';
import { Workers } from './workers.ts';

/** The relay's process: `node gateway/relay/main.ts --config FILE [--check-config]`. */

const USAGE = 'usage: node gateway/relay/main.ts --config FILE [--check-config]';

async function main(): Promise<void> {
  const { file, checkOnly } = configPath();
  const loaded = loadConfig(relayConfigSchema, file);
  if (!loaded.ok) return endWith(2, loaded.errors);
  if (checkOnly) {
    console.log(`${file}: ok`);
    return;
  }
  const { config } = loaded;
  const log = openLog({ name: 'relay', ...config.log });
  const lifecycle = new Lifecycle(log);
  try {
    await start(file, config, log, lifecycle);
  } catch (error) {
    // A taken port, an unreadable certificate or spool: a sentence for who started it, and the whole of it in the log.
    const sentence = error instanceof Error ? error.message : String(error);
    log.fatal({ event: 'start-failed', err: error });
    process.stderr.write(`relay: ${sentence}\n`);
    process.send?.({ fault: 'start', sentence });
    await lifecycle.stop(1, 'start failed');
  }
}

async function start(file: string, config: RelayConfig, log: Log, lifecycle: Lifecycle): Promise<void> {
  const metrics = new Metrics();
  const several = config.workers > 1;
  const relay = await startRelay(config, log, several ? 'queue' : 'alone');
  lifecycle.add({ name: 'relay', close: () => relay.close() });
  const workers = several ? new Workers(config, relay.memory, log) : undefined;
  if (workers !== undefined) lifecycle.add({ name: 'workers', close: () => workers.close() });
  const ports = workers === undefined ? relay.ports : await workers.start();
  let stopping = false;
  const services = await startPrivateServices(
    config,
    metrics,
    {
      spool: relay.spool,
      state: () => ({
        ready: !stopping && (workers === undefined || workers.ready > 0),
        workers: workers?.ready ?? 1,
        queued: relay.queued,
        store: relay.storeHealth,
      }),
      sessions: () => relay.sessions,
      outbound: () => relay.outboundState,
      others: async () => (await workers?.metrics()) ?? [],
    },
    log,
  );
  lifecycle.add({ name: 'private services', close: () => services.close() });
  lifecycle.add({
    name: 'readiness',
    close: async () => {
      stopping = true;
    },
  });

  const reload = async (): Promise<void> => {
    const wanted = loadConfig(relayConfigSchema, file);
    if (!wanted.ok) {
      log.error({ event: 'configuration-not-reloaded', kept: 'the old one', errors: wanted.errors });
      return;
    }
    const restartNeeded = await relay.reload(wanted.config);
    services.reload();
    workers?.reload(wanted.config);
    log.info({ event: 'configuration-reloaded', certificates: 'read anew', restartNeeded });
  };
  let turn = Promise.resolve();
  lifecycle.onReload(() => {
    // One after the other: the last signal decides.
    turn = turn.then(reload).catch((error: unknown) => {
      log.error({ event: 'configuration-not-reloaded', kept: 'the old one', err: error });
    });
  });
  lifecycle.ready({ smtp: ports, ...services.ports });
}

function configPath(): { file: string; checkOnly: boolean } {
  try {
    const { values } = parseArgs({
      options: { config: { type: 'string' }, 'check-config': { type: 'boolean', default: false } },
    });
    if (values.config !== undefined) return { file: values.config, checkOnly: values['check-config'] };
    return endWith(2, [USAGE]);
  } catch (error) {
    return endWith(2, [(error as Error).message, USAGE]);
  }
}

function endWith(code: number, lines: readonly string[]): never {
  process.stderr.write(lines.map((line) => `${line}\n`).join(''));
  process.exit(code);
}

if (cluster.isWorker) runWorker((log) => new Lifecycle(log));
else await main();
