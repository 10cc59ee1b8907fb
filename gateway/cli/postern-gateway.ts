#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { relayConfigSchema } from '../relay/config.ts';
import { Spool } from '../relay/spool/spool.ts';
import { QUEUE_COMMANDS, type QueueCommand } from './queue-commands.ts';

/** `postern-gateway queue COMMAND [ID…] (--config FILE | --spool FOLDER) [--json]`: looks after the relay's spool. */
const USAGE = `usage: postern-gateway queue COMMAND [ID…] (--config gateway.yaml | --spool FOLDER) [--json]

  list             messages that wait (active) and that are held
  show ID…         everything about a message but its content
  retry ID…        try now
  hold ID…         take out of the queue until released
  release ID…      back into the queue; refused recipients are tried anew
  requeue ID…      begin anew: tries and lifetime, as if it had just come; also from held
  expire ID…       give up now: held, as at the end of its lifetime; nobody is told
  delete ID…       remove for good; nobody is told`;

async function main(): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse();
  } catch (error) {
    return usage((error as Error).message);
  }
  const { values, positionals } = parsed;
  const [topic, name, ...ids] = positionals;
  const command: QueueCommand | undefined = topic === 'queue' ? QUEUE_COMMANDS.get(name ?? '') : undefined;
  if (command === undefined) return usage();
  if (command.wantsIds !== ids.length > 0) {
    return usage(command.wantsIds ? `queue ${name} wants ids` : `queue ${name} takes no ids`);
  }
  const path = values.spool ?? spoolOf(values.config);
  if (path === undefined) return usage('which spool? Give --config or --spool.');
  if (typeof path !== 'string') {
    process.stderr.write(path.errors.map((line) => `${line}\n`).join(''));
    return 2;
  }
  const spool = await Spool.open(path, false);
  try {
    const { lines, json, failed } = await command.run(spool, ids);
    process.stdout.write(
      values.json ? `${JSON.stringify(json, null, 2)}\n` : lines.map((line) => `${line}\n`).join(''),
    );
    return failed ? 1 : 0;
  } finally {
    await spool.close();
  }
}

function parse() {
  return parseArgs({
    allowPositionals: true,
    options: { config: { type: 'string' }, spool: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
}

function spoolOf(config: string | undefined): string | { errors: string[] } | undefined {
  if (config === undefined) return undefined;
  const loaded = loadConfig(relayConfigSchema, config);
  return loaded.ok ? loaded.config.spool.path : { errors: loaded.errors };
}

function usage(problem?: string): number {
  process.stderr.write(`${problem === undefined ? '' : `${problem}\n`}${USAGE}\n`);
  return 2;
}

process.exitCode = await main();
