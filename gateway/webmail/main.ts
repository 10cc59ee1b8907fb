import cluster from 'node:cluster';
import { parseArgs } from 'node:util';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import { type Log, openLog } from '@postern/shared/runtime/log.ts';
import { Metrics } from '@postern/shared/runtime/metrics.ts';
import { type WebmailConfig, webmailConfigSchema } from './config.ts';
import { observe, startHealth } from './health.ts';
import { startWebmail } from './webmail.ts';
import { runWorker } from './worker.ts';
import { Workers } from './workers.ts';

/** The webmail host's process: `node gateway/webmail/main.ts --config FILE [--check-config]`. */

const USAGE = 'usage: node gateway/webmail/main.ts --config FILE [--check-config]';

async function main(): Promise<void> {
  const { file, checkOnly } = configPath();
  const loaded = loadConfig(webmailConfigSchema, file);
  if (!loaded.ok) return endWith(2, loaded.errors);
  if (checkOnly) {
    console.log(`${file}: ok`);
    return;
  }
  const { config } = loaded;
  const log = openLog({ name: 'webmail', ...config.log });
  const lifecycle = new Lifecycle(log);
  try {
    await start(config, log, lifecycle);
  } catch (error) {
    // A taken port, an unreadable certificate: a sentence for who started it, and the whole of it in the log.
    const sentence = error instanceof Error ? error.message : String(error);
    log.fatal({ event: 'start-failed', err: error });
    process.stderr.write(`webmail: ${sentence}\n`);
    await lifecycle.stop(1, 'start failed');
  }
}

async function start(config: WebmailConfig, log: Log, lifecycle: Lifecycle): Promise<void> {
  const metrics = new Metrics();
  const several = config.workers > 1;
  const workers = several ? new Workers(config, log) : undefined;
  const alone = several ? undefined : await startWebmail(config, log);
  if (alone !== undefined) {
    observe(metrics, alone);
    lifecycle.add({ name: 'webmail', close: () => alone.close() });
  }
  if (workers !== undefined) lifecycle.add({ name: 'workers', close: () => workers.close() });
  const ports = alone?.ports ?? (await workers?.start()) ?? [];
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
