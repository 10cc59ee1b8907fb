import cluster from 'node:cluster';
import { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import { Metrics } from '@postern/shared/runtime/metrics.ts';
import { runService, type ServiceStart } from '@postern/shared/runtime/service-main.ts';
import { type WebmailConfig, webmailConfigSchema } from './config.ts';
import { observe, observePush, startHealth } from './health.ts';
import { openPush, PushSender } from './push/push-sender.ts';
import { startWebmail, storeEndpoint } from './webmail.ts';
import { runWorker } from './worker.ts';
import { Workers } from './workers.ts';

/** The webmail host's process: `node gateway/webmail/main.ts --config FILE [--check-config]`. */

async function start({ config, log, lifecycle }: ServiceStart<WebmailConfig>): Promise<void> {
  const metrics = new Metrics();
  const several = config.workers > 1;
  const workers = several ? new Workers(config, log) : undefined;
  const alone = several ? undefined : await startWebmail(config, log);
  if (alone !== undefined) {
    observe(metrics, alone);
    lifecycle.add({ name: 'webmail', close: () => alone.close() });
  }
  metrics.gauge({
    name: 'postern_webmail_workers',
    help: 'Processes that answer requests.',
    read: () => workers?.ready ?? 1,
  });
  if (workers !== undefined) lifecycle.add({ name: 'workers', close: () => workers.close() });
  const ports = alone?.ports ?? (await workers?.start()) ?? [];
  const parts = openPush(config);
  const push = parts && new PushSender(parts, () => storeEndpoint(config), config.sessions.watchMs, log);
  if (push !== undefined) {
    lifecycle.add({ name: 'push', close: () => push.close() });
    observePush(metrics, push);
  }
  const health = await startHealth(config, metrics, log, {
    ready: () => workers === undefined || workers.ready > 0,
    others: async () => (await workers?.metrics()) ?? [],
  });
  if (health !== undefined) lifecycle.add({ name: 'health', close: () => health.close() });
  lifecycle.onReload(() => {
    try {
      alone?.reload();
      workers?.reload();
      log.info({ event: 'certificates-reloaded' });
    } catch (error) {
      log.error({ event: 'certificates-not-reloaded', kept: 'the old ones', err: error });
    }
  });
  lifecycle.ready({ https: ports, health: health?.port });
}

if (cluster.isWorker) runWorker((log) => new Lifecycle(log));
else await runService({ name: 'webmail', program: 'node gateway/webmail/main.ts', schema: webmailConfigSchema, start });
