import cluster from 'node:cluster';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import { Metrics } from '@postern/shared/runtime/metrics.ts';
import { runService, type ServiceStart } from '@postern/shared/runtime/service-main.ts';
import { startPrivateServices } from './admin/services.ts';
import { type RelayConfig, relayConfigSchema } from './config.ts';
import { startRelay } from './relay.ts';
import { runWorker } from './worker.ts';
import { Workers } from './workers.ts';

/** The relay's process: `node gateway/relay/main.ts --config FILE [--check-config]`. */

async function start({ file, config, log, lifecycle }: ServiceStart<RelayConfig>): Promise<void> {
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

if (cluster.isWorker) runWorker((log) => new Lifecycle(log));
else await runService({ name: 'relay', program: 'node gateway/relay/main.ts', schema: relayConfigSchema, start });
