#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { loadPolicy, SAMPLE_POLICY } from './policy.ts';

const USAGE = `usage: postern-zones check [--policy FILE]
`;

/** Runs one command; the exit code is 0 for all well, 1 for findings, 2 for a mistake in the command or the policy's shape. */
function main(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { policy: { type: 'string' } },
  });
  const policy = loadPolicy(values.policy ?? SAMPLE_POLICY);
  if (!policy.ok) {
    process.stderr.write(`${policy.errors.join('\n')}\n`);
    return 2;
  }
  if (positionals[0] !== 'check') {
    process.stderr.write(USAGE);
    return 2;
  }
  return 0;
}

process.exitCode = main(process.argv.slice(2));
