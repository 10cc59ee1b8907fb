#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { openLog } from '@postern/shared/runtime/log.ts';
import { type StoreConfig, storeConfigSchema } from '../config.ts';
import { databaseFaultSentence } from '../database-fault.ts';
import { openMailstore } from '../mailstore/mailstore.ts';
import { account } from './account.ts';
import { ADMINISTRATION_COMMANDS } from './administration.ts';
import { backup } from './backup.ts';
import { check } from './check.ts';
import { type CommandInput, type StoreCommand, Usage } from './command.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { migrate } from './migrate.ts';
import { outgoing } from './outgoing.ts';
import { restore } from './restore.ts';
import { undelete } from './undelete.ts';

/** The administrator's tool on the store's host. Exits 0 when it did what was asked, 1 when not, 2 on wrong usage. */

const COMMANDS: Readonly<Record<string, StoreCommand>> = {
  migrate,
  check,
  account,
  undelete,
  outgoing,
  ...ADMINISTRATION_COMMANDS,
  backup,
  restore,
};

/** `import` and `export` are of accounts, but for these kinds of mail. */
const MAIL_COMMANDS: Readonly<Record<string, StoreCommand>> = { import: importCommand, export: exportCommand };
const MAIL_KINDS: ReadonlySet<string> = new Set(['maildir', 'mbox', 'imap']);

const USAGE = `usage: postern-store COMMAND --config FILE
${[...Object.values(COMMANDS), ...Object.values(MAIL_COMMANDS)].map(({ usage }) => `  ${usage}`).join('\n')}`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      config: text,
      repair: flag,
      bodies: flag,
      account: text,
      state: text,
      mailbox: text,
      since: text,
      restore: flag,
      into: text,
      uuid: text,
      'deleted-mailbox': text,
      as: text,
      'as-password-file': text,
      name: text,
      postmaster: text,
      quota: text,
      'password-file': text,
      welcome: text,
      format: text,
      domain: text,
      apply: flag,
      'good-rows-only': flag,
      'even-within-grace': flag,
      verify: flag,
      json: flag,
      list: flag,
      snapshot: text,
      'new-uidvalidity': flag,
      sieve: text,
      user: text,
      tls: text,
      ca: text,
      'follow-deletes': flag,
      for: text,
      managesieve: text,
    },
    allowPositionals: true,
  });
  const [name = '', ...words] = positionals;
  const commands = Object.hasOwn(MAIL_COMMANDS, name) && MAIL_KINDS.has(words[0] ?? '') ? MAIL_COMMANDS : COMMANDS;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new Usage('no such command');
  if (values.config === undefined) throw new Usage('--config is missing');
  const loaded = loadConfig(storeConfigSchema, values.config);
  if (!loaded.ok) {
    for (const line of loaded.errors) console.error(line);
    return 2;
  }
  return run(loaded.config, command, { config: loaded.config, words, options: values });
}

async function run(config: StoreConfig, command: StoreCommand, input: CommandInput): Promise<number> {
  const { url, compressBodies } = config.database;
  try {
    const log = openLog({ name: 'postern-store', level: 'warn', file: config.log.file });
    const mailstore = await openMailstore({ url, connections: 2, migrate: command.migrates, compressBodies, log });
    try {
      return await command.run(mailstore, input, (line) => console.log(line));
    } finally {
      await mailstore.close();
    }
  } catch (error) {
    if (error instanceof Usage) throw error;
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
