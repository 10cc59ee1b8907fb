import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const CLI = resolve(import.meta.dirname, '../../infra/zones/cli.ts');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-rules-'));
  expect(zones('render', '--out', folder).status).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every rendered file is taken by the program that it is for', () => {
  const programs = {
    nft: ['nft', '-c', '-f'],
    iptables: ['iptables-restore', '--test'],
    ip6tables: ['ip6tables-restore', '--test'],
  };
  let taken = 0;
  for (const [ending, command] of Object.entries(programs)) {
    for (const file of readdirSync(folder).filter((name) => name.endsWith(`.${ending}`))) {
      const { status, stderr } = spawnSync('unshare', ['-Urn', ...command, join(folder, file)], { encoding: 'utf8' });
      expect([file, status, stderr]).toEqual([file, 0, '']);
      taken += 1;
    }
  }
  expect(taken).toBe(24);
});

test('apply.sh, as the containers run it: rules by the addresses of the interfaces, routes by the gateways, and no start without', () => {
  const script = resolve(import.meta.dirname, '../../infra/docker/rules/apply.sh');
  const inNamespace = (setUp: string, ...args: string[]) => {
    const apply = `sh ${script} ${args.join(' ')} && nft -s list ruleset && ip route`;
    return spawnSync('unshare', ['-Urn', 'sh', '-c', `${setUp}\n${apply}`], { encoding: 'utf8' });
  };
  const nic = (name: string, address: string): string =>
    `ip link add ${name} type bridge && ip addr add ${address}/24 dev ${name} && ip link set ${name} up`;
  const firewall = inNamespace(
    `${nic('eth1', '10.10.2.1')} && ${nic('eth0', '10.20.1.1')}`,
    ...[join(folder, 'inner.nft'), 'dmz0=10.10.2.1', 'servers0=10.20.1.1'],
  );
  expect([firewall.status, firewall.stderr]).toEqual([0, '']);
  expect(firewall.stdout).toMatch(/iifname "eth1" oifname "eth0" ip saddr 10\.10\.2\.25 .*comment "relay-store"/);
  expect(firewall.stdout).not.toContain('"dmz0"');
  const host = inNamespace(
    `${nic('eth0', '10.10.1.25')} && ${nic('eth1', '10.10.2.25')}`,
    ...[join(folder, 'relay.nft'), '10.20.1.0/24', '10.10.2.1'],
  );
  expect([host.status, host.stderr]).toEqual([0, '']);
  expect(host.stdout).toMatch(/chain output \{\n\s*type filter hook output priority filter; policy drop;/);
  expect(host.stdout).toMatch(/^10\.20\.1\.0\/24 via 10\.10\.2\.1 dev eth1/m);
  // An interface that is not there, a file that is not there, one that is no rule set, and one that guards nothing.
  writeFileSync(join(folder, 'broken.nft'), 'table inet postern { chain input { nonsense } }\n');
  writeFileSync(join(folder, 'empty.nft'), 'table inet postern {\n}\n');
  for (const args of [
    [join(folder, 'inner.nft'), 'dmz0=10.10.2.1'],
    [join(folder, 'missing.nft')],
    [join(folder, 'broken.nft')],
    [join(folder, 'empty.nft')],
  ]) {
    const refused = inNamespace('true', ...args);
    expect([args, refused.status === 0, refused.stdout]).toEqual([args, false, '']);
  }
});

test('the change request has a row for each flow', () => {
  const csv = readFileSync(join(folder, 'change-request.csv'), 'utf8');
  const markdown = readFileSync(join(folder, 'change-request.md'), 'utf8');
  for (const id of ['mail-in', 'relay-store', 'webmail-store', 'store-database']) {
    expect(csv).toContain(`"${id}"`);
    expect(markdown).toContain(`| ${id} |`);
  }
  expect(csv).not.toContain('roaming-submission');
});

test('diff: what was applied is the same; a rule that somebody removed and one that somebody added are named', () => {
  const script = `nft -f ${join(folder, 'outer.nft')} && nft -s list table inet postern`;
  const running = join(folder, 'running');
  const { stdout } = spawnSync('unshare', ['-Urn', 'sh', '-c', script], { encoding: 'utf8' });
  writeFileSync(running, stdout);
  expect(zones('diff', '--as', 'outer', '--running', running).status).toBe(0);
  const opened = '\t\ttcp dport 3306 counter accept comment "just for today"\n\t\tct state invalid';
  const changed = stdout.replace(/^.*udp dport 53.*relay-dns"\n/m, '').replace('\t\tct state invalid', opened);
  writeFileSync(running, changed);
  const drift = zones('diff', '--as', 'outer', '--running', running);
  expect(drift.status).toBe(1);
  expect(drift.stdout).toMatch(/^missing in forward: .*udp dport 53 .*"relay-dns"$/m);
  expect(drift.stdout).toMatch(/^foreign in forward: tcp dport 3306 counter accept comment "just for today"$/m);
});

test('a mistake in the command is one sentence and exit code 2', () => {
  expect(zones('explain', 'nobody', 'store', '24')).toMatchObject({
    status: 2,
    stderr: 'nobody is no zone, network, host, leg or address of the policy\n',
  });
  expect(zones('diff').stderr).toMatch(/^--as is missing/);
});

function zones(...args: string[]) {
  return spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' });
}
