import { parseArgs } from 'node:util';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import { openLog } from '@postern/shared/runtime/log.ts';
import { relayConfigSchema } from './config.ts';
import { startRelay } from './relay.ts';

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
    const relay = await startRelay(config, log);
    lifecycle.add({ name: 'relay', close: () => relay.close() });
    lifecycle.onReload(() => {
      relay.reloadCertificates().then(
        () => log.info({ event: 'certificates-reloaded' }),
        (error: unknown) => log.error({ event: 'certificates-not-reloaded', kept: 'the old ones', err: error }),
      );
    });
    lifecycle.ready({ smtp: relay.ports });
  } catch (error) {
    // A taken port, an unreadable certificate or spool: a sentence for who started it, and the whole of it in the log.
    const sentence = error instanceof Error ? error.message : String(error);
    log.fatal({ event: 'start-failed', err: error });
    process.stderr.write(`relay: ${sentence}\n`);
    process.send?.({ fault: 'start', sentence });
    await lifecycle.stop(1, 'start failed');
  }
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

await main();
