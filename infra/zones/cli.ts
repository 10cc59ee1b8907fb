#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ConfigResult, loadConfig, parseConfig } from '@postern/shared/runtime/config.ts';
import { allRuleSets, hostRules } from './build-rules.ts';
import { changeRows, renderCsv, renderMarkdown } from './change-request.ts';
import { checkPolicy, type Finding } from './check.ts';
import { checkCompose, composeSchema } from './check-compose.ts';
import { checkGatewaySettings, checkStoreSettings, checkWebmailSettings } from './check-settings.ts';
import { checksum, diffListings } from './diff.ts';
import { explain } from './explain.ts';
import { renderIptablesSave } from './iptables.ts';
import { renderNftables, TABLE } from './nftables.ts';
import { loadPolicy, type Policy, SAMPLE_POLICY } from './policy.ts';
import { describeResult, differences, probesFrom, runProbes } from './probe.ts';
import type { RuleSet } from './rules.ts';

const USAGE = `usage: postern-zones <command> [--policy FILE]

  check [--gateway gateway.yaml] [--store store.yaml] [--webmail webmail.yaml] [--compose docker-compose.yml]…
        Judges the policy, and whether settings and containers follow it.
  render --out DIR [--machine NAME=HOST,HOST…]…
        Writes nftables, iptables-save and ip6tables-save for each firewall and host, and for each machine that is several hosts at once;
        the change request (Markdown, CSV, JSON).
  explain FROM TO PORT
        Which flow opens a connection, or why none does. FROM, TO: zone, network, host, host.leg, address.
  diff --as NAME [--running FILE]
        Compares the rules that run here (nft -s list table inet ${TABLE}) with the policy's.
  probe --as HOST [--outside ADDRESS]… [--timeout MS]
        Tries from this host every flow, and whatever must fail.

The exit code is 0 for all well, 1 for findings, 2 for a mistake in the command or in a file.
`;

/** A mistake of whoever typed the command: one sentence, exit code 2. */
class Mistake extends Error {}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  const policy = valid(loadPolicy(values.policy ?? SAMPLE_POLICY));
  switch (command) {
    case 'check':
      return await check(policy, values);
    case 'render':
      return render(policy, required(values.out, '--out'), values.machine ?? []);
    case 'explain': {
      const [from, to, port] = rest;
      if (from === undefined || to === undefined || port === undefined) throw new Mistake(USAGE);
      const { open, lines } = explain(policy, from, to, port);
      process.stdout.write(`${lines.join('\n')}\n`);
      return open ? 0 : 1;
    }
    case 'diff':
      return diff(policy, required(values.as, '--as'), values.running);
    case 'probe':
      return probe(policy, required(values.as, '--as'), values.outside ?? [], Number(values.timeout ?? 2_000));
    default:
      throw new Mistake(USAGE);
  }
}

/** A host has the settings' declarations of its own part alone, so each is looked for when it is asked for. */
async function check(
  policy: Policy,
  files: { gateway?: string; store?: string; webmail?: string; compose?: string[] },
): Promise<number> {
  const findings: Finding[] = [...checkPolicy(policy)];
  if (files.gateway !== undefined) {
    const { relayConfigSchema } = await import('@postern/gateway/relay/config.ts');
    findings.push(...checkGatewaySettings(policy, valid(loadConfig(relayConfigSchema, files.gateway))));
  }
  if (files.store !== undefined) {
    const { storeConfigSchema } = await import('@postern/store/config.ts');
    findings.push(...checkStoreSettings(policy, valid(loadConfig(storeConfigSchema, files.store))));
  }
  if (files.webmail !== undefined) {
    const { webmailConfigSchema } = await import('@postern/gateway/webmail/config.ts');
    findings.push(...checkWebmailSettings(policy, valid(loadConfig(webmailConfigSchema, files.webmail))));
  }
  for (const file of files.compose ?? []) {
    findings.push(...checkCompose(policy, valid(parseConfig(composeSchema, readText(file), file)), basename(file)));
  }
  for (const { kind, where, text } of findings) process.stdout.write(`${kind} ${where}: ${text}\n`);
  if (findings.length > 0) return 1;
  const flows = policy.flows.filter(({ enabled }) => enabled).length;
  process.stdout.write(`${flows} flows: no break, no skip, nothing wide\n`);
  return 0;
}

function render(policy: Policy, folder: string, machines: readonly string[]): number {
  const sets = [...allRuleSets(policy), ...machines.map((machine) => machineRules(policy, machine))];
  if (checkPolicy(policy).length > 0) throw new Mistake('the policy has findings: see postern-zones check');
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, name), text);
    process.stdout.write(`${join(folder, name)}\n`);
  };
  for (const set of sets) {
    write(`${set.owner}.nft`, renderNftables(set));
    write(`${set.owner}.iptables`, renderIptablesSave(set, 4));
    write(`${set.owner}.ip6tables`, renderIptablesSave(set, 6));
  }
  write('change-request.md', renderMarkdown(policy));
  write('change-request.csv', renderCsv(policy));
  write('change-request.json', `${JSON.stringify(changeRows(policy), null, 2)}\n`);
  return 0;
}

/** `data=database,directory`: one machine that is several hosts of the policy. */
function machineRules(policy: Policy, text: string): RuleSet {
  const [name = '', list = ''] = text.split('=');
  const hosts = list.split(',');
  const unknown = hosts.filter((host) => !(host in policy.hosts));
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name) || unknown.length > 0) {
    throw new Mistake(`--machine ${text}: NAME=HOST,HOST…, with hosts of the policy`);
  }
  return hostRules(policy, name, hosts);
}

function diff(policy: Policy, name: string, runningFile: string | undefined): number {
  const set = allRuleSets(policy).find(({ owner }) => owner === name);
  if (set === undefined) throw new Mistake(`the policy has no firewall and no host ${name}`);
  const list = ['nft', '-s', 'list', 'table', 'inet', TABLE];
  const running = runningFile === undefined ? execute(list) : readText(runningFile);
  // The kernel spells the wanted rules, in a namespace of its own that nobody uses.
  const wanted = execute(['unshare', '-Urn', 'sh', '-c', `nft -f - && ${list.join(' ')}`], renderNftables(set));
  const found = diffListings(wanted, running);
  for (const { chain, kind, text } of found) process.stdout.write(`${kind} in ${chain}: ${text}\n`);
  process.stdout.write(`wanted ${checksum(wanted)}\nruns   ${checksum(running)}\n`);
  return found.length > 0 ? 1 : 0;
}

async function probe(policy: Policy, name: string, outside: readonly string[], timeoutMs: number): Promise<number> {
  if (!(name in policy.hosts)) throw new Mistake(`the policy has no host ${name}`);
  const external = Object.entries(policy.zones).find(([, zone]) => zone.external)?.[0] ?? 'internet';
  const probes = probesFrom(policy, name, { addresses: outside.length === 0 ? {} : { [external]: outside } });
  if (outside.length === 0) process.stdout.write('flows to the Internet are left out: no --outside ADDRESS is given\n');
  const results = await runProbes(probes, timeoutMs, 150);
  for (const result of results.filter(({ flow }) => flow !== undefined)) {
    process.stdout.write(`${describeResult(result)}\n`);
  }
  const wrong = differences(results);
  for (const result of wrong.filter(({ flow }) => flow === undefined)) {
    process.stdout.write(`${describeResult(result)}\n`);
  }
  process.stdout.write(`${results.length} connections tried, ${wrong.length} not as the policy says\n`);
  return wrong.length > 0 ? 1 : 0;
}

function execute(command: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(command[0] ?? '', command.slice(1), { input, encoding: 'utf8' });
  if (error !== undefined || status !== 0) throw new Mistake(`${command.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Mistake(`cannot read ${path}: ${(error as Error).message}`);
  }
}

function valid<T>(result: ConfigResult<T>): T {
  if (result.ok) return result.config;
  throw new Mistake(result.errors.join('\n'));
}

function required(value: string | undefined, option: string): string {
  if (value === undefined) throw new Mistake(`${option} is missing\n${USAGE}`);
  return value;
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const list = { type: 'string', multiple: true } as const;
  const options = { policy: text, gateway: text, store: text, webmail: text, out: text, as: text, running: text };
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...options, timeout: text, outside: list, machine: list, compose: list },
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // TypeError: an unknown name or option; anything else is a fault and keeps its stack.
  if (!(error instanceof Mistake) && !(error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message.trimEnd()}\n`);
  process.exitCode = 2;
}
