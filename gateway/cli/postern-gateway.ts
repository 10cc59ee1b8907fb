#!/usr/bin/env node
import type { Command } from './command.ts';
import { dkimCommand } from './dkim.ts';
import { dnsCommand } from './dns.ts';
import { queueCommand } from './queue.ts';
import { tlsReportCommand } from './tls-report.ts';

/** `postern-gateway TOPIC …`: what an administrator does at the gateway itself. */
const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['queue', queueCommand],
  ['dns', dnsCommand],
  ['dkim', dkimCommand],
  ['tls-report', tlsReportCommand],
]);

async function main([topic = '', ...args]: readonly string[]): Promise<number> {
  const command = COMMANDS.get(topic);
  if (command === undefined) {
    const all = [...COMMANDS.values()].map(({ usage }) => usage).join('\n\n');
    process.stderr.write(`usage: postern-gateway ${[...COMMANDS.keys()].join('|')} …\n\n${all}\n`);
    return 2;
  }
  return await command.run(args, {
    print: (text) => process.stdout.write(`${text}\n`),
    complain: (text) => process.stderr.write(`${text}\n`),
  });
}

// Who reads no further (`| head`) has seen enough.
process.stdout.on('error', () => process.exit(0));
process.exitCode = await main(process.argv.slice(2));
