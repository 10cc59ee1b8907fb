#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { openLog } from '@postern/shared/runtime/log.ts';
import { type StoreConfig, storeConfigSchema } from '../config.ts';
import { databaseFaultSentence } from '../database-fault.ts';
import { type Mailstore, openMailstore } from '../mailstore/mailstore.ts';

/** The administrator's tool on the store's host. Exits 0 when it did what was asked, 1 when not, 2 on wrong usage. */

const USAGE = `usage: postern-store COMMAND --config FILE
  migrate   brings the tables to the newest version
  check     asks whether the database answers, with the tables that this program needs`;

/** A command works on the open mailstore and returns the line that tells its outcome, with the exit code. */
type Command = (mailstore: Mailstore) => Promise<{ code: number; line: string }>;

const COMMANDS: Readonly<Record<string, { migrates: boolean; run: Command }>> = {
  migrate: {
    migrates: true,
    run: async () => ({ code: 0, line: 'the tables are at the newest version' }),
  },
  check: {
    migrates: false,
    run: async (mailstore) => {
      const answer = await mailstore.check();
      return answer.ok ? { code: 0, line: 'ok' } : { code: 1, line: answer.cause };
    },
  },
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { config: { type: 'string' } }, allowPositionals: true });
  const command = COMMANDS[positionals[0] ?? ''];
  if (command === undefined || positionals.length !== 1 || values.config === undefined) {
    console.error(USAGE);
    return 2;
  }
  const loaded = loadConfig(storeConfigSchema, values.config);
  if (!loaded.ok) {
    for (const line of loaded.errors) console.error(line);
    return 2;
  }
  return run(loaded.config, command);
}

async function run(config: StoreConfig, command: { migrates: boolean; run: Command }): Promise<number> {
  const { url } = config.database;
  try {
    const log = openLog({ name: 'postern-store', level: 'warn', file: config.log.file });
    const mailstore = await openMailstore({ url, connections: 2, migrate: command.migrates, log });
    try {
      const { code, line } = await command.run(mailstore);
      console.log(line);
      return code;
    } finally {
      await mailstore.close();
    }
  } catch (error) {
    console.error(databaseFaultSentence(error, url));
    return 1;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  console.error(USAGE);
  process.exitCode = 2;
}
