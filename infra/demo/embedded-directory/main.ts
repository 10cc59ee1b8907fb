import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { legAddress, port } from '@postern/shared/runtime/config.ts';
import { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import { openLog } from '@postern/shared/runtime/log.ts';
import { readTlsIdentity, tlsIdentity } from '@postern/shared/runtime/tls.ts';
import { z } from 'zod';
import { startEmbeddedDirectory } from './server.ts';

const configSchema = z.strictObject({
  listen: z.strictObject({ address: legAddress(), port: port() }),
  tls: tlsIdentity(),
  data: z.string(),
  suffix: z.string(),
});

/** `node main.ts --config FILE`: the directory of the demo, until SIGTERM. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) return misused('--config FILE is missing');
  let text: string;
  let json: unknown;
  try {
    text = readFileSync(values.config, 'utf8');
    json = JSON.parse(text);
  } catch (error) {
    return misused(`${values.config}: ${(error as Error).message}`);
  }
  const result = configSchema.safeParse(json);
  if (!result.success) {
    return misused(...result.error.issues.map((i) => `${values.config}: ${i.path.join('.')}: ${i.message}`));
  }
  const config = result.data;
  const log = openLog({ name: 'directory' });
  const lifecycle = new Lifecycle(log);
  const { listen, data, suffix } = config;
  const tls = readTlsIdentity(config.tls);
  const directory = await startEmbeddedDirectory({ host: listen.address, port: listen.port, tls, data, suffix }, log);
  lifecycle.add({ name: 'directory', close: () => directory.close() });
  lifecycle.ready({ url: directory.url });
}

function misused(...errors: string[]): void {
  for (const error of errors) console.error(error);
  process.exitCode = 2;
}

await main();
