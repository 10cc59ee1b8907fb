import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { loadConfig } from './config.ts';
import { Lifecycle } from './lifecycle.ts';
import { type Log, openLog } from './log.ts';

/** What a service starts with. */
export interface ServiceStart<Config> {
  /** Path of the configuration. */
  readonly file: string;
  readonly config: Config;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export interface ServiceMain<Config> {
  /** `relay`, `store`, …: in the log, and before a sentence on standard error. */
  readonly name: string;
  /** `node store/main.ts`: what stands before the arguments. */
  readonly program: string;
  readonly schema: z.ZodType<Config>;
  /** What `--check-config` finds wrong beyond the settings themselves. */
  readonly check?: (config: Config) => string | undefined;
  /** Starts everything, and says {@link Lifecycle.ready}. What it throws ends the process with 1. */
  readonly start: (parts: ServiceStart<Config>) => Promise<void>;
}

/**
 * The main of a service: `--config FILE [--check-config]`. Errors of arguments and settings are printed one a line, and the process
 * ends with 2.
 */
export async function runService<Config extends { readonly log: Omit<Parameters<typeof openLog>[0], 'name'> }>(
  main: ServiceMain<Config>,
): Promise<void> {
  const { name } = main;
  const { file, checkOnly } = readArguments(`usage: ${main.program} --config FILE [--check-config]`);
  const loaded = loadConfig(main.schema, file);
  if (!loaded.ok) return endWith(2, loaded.errors);
  const { config } = loaded;
  if (checkOnly) {
    const wrong = main.check?.(config);
    if (wrong !== undefined) return endWith(2, [wrong]);
    console.log(`${file}: ok`);
    return;
  }
  const log = openLog({ name, ...config.log });
  const lifecycle = new Lifecycle(log);
  try {
    await main.start({ file, config, log, lifecycle });
  } catch (error) {
    // A taken port, an unreadable certificate: a sentence for who started it, and the whole of it in the log.
    const sentence = error instanceof Error ? error.message : String(error);
    log.fatal({ event: 'start-failed', err: error });
    process.stderr.write(`${name}: ${sentence}\n`);
    process.send?.({ fault: 'start', sentence });
    await lifecycle.stop(1, 'start failed');
  }
}

function readArguments(usage: string): { file: string; checkOnly: boolean } {
  try {
    const { values } = parseArgs({
      options: { config: { type: 'string' }, 'check-config': { type: 'boolean', default: false } },
    });
    if (values.config !== undefined) return { file: values.config, checkOnly: values['check-config'] };
    return endWith(2, [usage]);
  } catch (error) {
    return endWith(2, [(error as Error).message, usage]);
  }
}

function endWith(code: number, lines: readonly string[]): never {
  process.stderr.write(lines.map((line) => `${line}\n`).join(''));
  process.exit(code);
}
