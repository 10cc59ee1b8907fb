import { type ParseArgsConfig, parseArgs } from 'node:util';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { type RelayConfig, relayConfigSchema } from '../relay/config.ts';

/** Where a command writes. */
export interface Terminal {
  print(text: string): void;
  complain(text: string): void;
}

/** One topic of `postern-gateway`. Resolves with the exit code: 0 well, 1 not all well, 2 asked in a wrong way. */
export interface Command {
  readonly usage: string;
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** What a command could not be done for: told with its usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A command that throws {@link UsageError} where it was asked in a wrong way. */
export function command(usage: string, run: Command['run']): Command {
  return {
    usage,
    async run(args, terminal) {
      try {
        return await run(args, terminal);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        terminal.complain(`${error.message}\n${usage}`);
        return 2;
      }
    },
  };
}

/** Options and positional arguments; unknown ones are a {@link UsageError}. */
export function parsed<const O extends NonNullable<ParseArgsConfig['options']>>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Settings of gateway.yaml; their errors are a {@link UsageError}. */
export function configOf(path: string): RelayConfig {
  const loaded = loadConfig(relayConfigSchema, path);
  if (!loaded.ok) throw new UsageError(loaded.errors.join('\n'));
  return loaded.config;
}
