import type { StoreConfig } from '../config.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';

/** What the command line gave beside the command's name. */
export interface CommandInput {
  readonly config: StoreConfig;
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** One command of the administrator's tool: works on the open mailstore, prints lines, and answers the exit code. */
export interface StoreCommand {
  /** Below `usage:`. */
  readonly usage: string;
  /** May bring the tables to the newest version before anything else. */
  readonly migrates: boolean;
  run(mailstore: Mailstore, input: CommandInput, print: (line: string) => void): Promise<number>;
}

/** A wrong command line: the message says how it should be. */
export class Usage extends Error {}

/** A value that must be given as `--name VALUE`. */
export function required(input: CommandInput, name: string): string {
  const value = input.options[name];
  if (typeof value !== 'string') throw new Usage(`--${name} is missing`);
  return value;
}

/** A value that may be given as `--name VALUE`. */
export function optional(input: CommandInput, name: string): string | undefined {
  const value = input.options[name];
  return typeof value === 'string' ? value : undefined;
}
