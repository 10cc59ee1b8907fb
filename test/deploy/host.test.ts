import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_ARGUMENTS } from '@postern/shared/runtime/node-arguments.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** Hosts as infra/systemd/install.sh lays them out, and their units. */
const ROOT = join(import.meta.dirname, '../..');
const SYSTEMD = join(ROOT, 'infra/systemd');
/** What `systemd-analyze security` may say at most. */
const MAX_EXPOSURE = 2.0;
const TIERS = ['relay', 'webmail', 'store'] as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-host-'));
  for (const tier of TIERS) install(tier, tier);
}, 60_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** `install.sh TIER` into a root of its own, or into one that has other parts. */
function install(tier: string, host: string): string {
  const root = join(folder, host);
  const run = spawnSync('sh', [join(SYSTEMD, 'install.sh'), tier, '--root', root, '--no-npm'], { encoding: 'utf8' });
  expect(run, run.stderr).toMatchObject({ status: 0 });
  return root;
}

it.each([
  ['relay', 'gateway/relay', ['gateway/webmail', 'store', 'schema', 'infra/pki']],
  ['webmail', 'gateway/webmail', ['gateway/relay', 'gateway/cli', 'store', 'schema', 'infra/pki']],
  ['store', 'store', ['gateway']],
] as const)('install.sh lays out %s and nothing of the others', (tier, own, others) => {
  const root = join(folder, tier);
  const there = (path: string): boolean => existsSync(join(root, path));
  expect(there(`opt/postern/${own}/main.ts`)).toBe(true);
  expect(others.filter((path) => there(`opt/postern/${path}`))).toEqual([]);
  expect(there('opt/postern/infra/pki')).toBe(tier === 'store');
  const unit = readFileSync(join(root, `etc/systemd/system/postern-${tier}.service`), 'utf8');
  const [, options, program = '', config = ''] = /ExecStart=\S+ ((?:--\S+ )+)(\S+) --config (\S+)/.exec(unit) ?? [];
  expect(options?.trim().split(' ')).toEqual(NODE_ARGUMENTS);
  expect(there(program), program).toBe(true);
  expect(there(config), config).toBe(true);
  // The user of the unit is made, and the folder of its keys is there.
  expect(readFileSync(join(root, `usr/lib/sysusers.d/postern-${tier}.conf`), 'utf8')).toContain(`u postern-${tier} `);
  expect(there(`etc/postern/pki/${tier}`)).toBe(true);
});

it.each(TIERS)('the tools of administrators run on the host of %s, with the code that is there', (tier) => {
  const root = join(folder, tier);
  const prefix = join(root, 'opt/postern');
  // Packages of this project stand in for those that npm would fetch, and those of the workspaces are its own.
  const modules = join(prefix, 'node_modules');
  mkdirSync(join(modules, '@postern'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name !== '@postern' && !name.startsWith('.'))
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  for (const workspace of ['shared', tier === 'store' ? 'store' : 'gateway']) {
    symlinkSync(join(prefix, workspace), join(modules, '@postern', workspace));
  }
  const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: prefix, encoding: 'utf8' });
  const zones = node('infra/zones/cli.ts', 'explain', 'relay.private', 'store', '24');
  expect(zones.stderr + zones.stdout).toContain('relay-store');
  const option = tier === 'relay' ? '--gateway' : `--${tier}`;
  const nowhere = join(folder, 'nowhere.yaml');
  const doctor = node('infra/cli/postern.ts', 'doctor', option, nowhere);
  expect(doctor.stderr).not.toContain('ERR_');
  expect(doctor.stdout).toContain('[FAIL] settings');
  const main = tier === 'store' ? 'store/main.ts' : `gateway/${tier}/main.ts`;
  const start = node(main, '--config', nowhere, '--check-config');
  expect(start, start.stderr).toMatchObject({ status: 2 });
  expect(start.stderr).toContain('nowhere.yaml');
});

it('one host may have all parts, and each updates itself alone', () => {
  const root = TIERS.map((tier) => install(tier, 'all')).at(-1) ?? '';
  writeFileSync(join(root, 'etc/postern/webmail.yaml'), '# edited\n');
  install('webmail', 'all');
  for (const path of ['gateway/relay/main.ts', 'gateway/webmail/main.ts', 'store/main.ts']) {
    expect(existsSync(join(root, 'opt/postern', path)), path).toBe(true);
  }
  expect(readFileSync(join(root, 'etc/postern/webmail.yaml'), 'utf8')).toBe('# edited\n');
});

it('says what it knows when it is asked for something else', () => {
  const run = spawnSync('sh', [join(SYSTEMD, 'install.sh'), 'hub'], { encoding: 'utf8' });
  expect(run).toMatchObject({ status: 2, stderr: 'usage: install.sh relay|store|webmail [--root DIR] [--no-npm]\n' });
});

const SERVICES = readdirSync(SYSTEMD).filter((name) => name.endsWith('.service'));

it('systemd understands every unit', () => {
  const units = join(folder, 'units');
  mkdirSync(units);
  const names = readdirSync(SYSTEMD).filter((name) => /\.(service|path|timer)$/.test(name));
  for (const name of names) {
    const text = readFileSync(join(SYSTEMD, name), 'utf8').replaceAll('/opt/postern/bin/node', process.execPath);
    writeFileSync(join(units, name), text);
  }
  const run = spawnSync('systemd-analyze', ['verify', '--man=no', ...names.map((name) => join(units, name))], {
    encoding: 'utf8',
  });
  // Units of the machine itself are read along, and are not ours to mend.
  const ours = run.stderr.split('\n').filter((line) => line.includes('postern'));
  expect(ours).toEqual([]);
});

it.each(SERVICES)('%s leaves little to who breaks in', (unit) => {
  const { stdout, stderr } = spawnSync(
    'systemd-analyze',
    ['security', '--offline=true', '--no-pager', join(SYSTEMD, unit)],
    { encoding: 'utf8' },
  );
  const [, exposure] = /Overall exposure level for .*: ([0-9.]+)/.exec(stdout) ?? [];
  expect(Number(exposure), stdout + stderr).toBeLessThanOrEqual(MAX_EXPOSURE);
});

it('the units of the tiers restart, watch, reload and name what a port below 1024 needs', () => {
  for (const tier of TIERS) {
    const text = readFileSync(join(SYSTEMD, `postern-${tier}.service`), 'utf8');
    for (const line of [
      'Type=notify',
      'NotifyAccess=all',
      'WatchdogSec=60',
      'Restart=always',
      'AmbientCapabilities=CAP_NET_BIND_SERVICE',
      'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
      'ExecReload=/bin/kill -HUP $MAINPID',
      `User=postern-${tier}`,
    ]) {
      expect(text.split('\n'), `postern-${tier}.service`).toContain(line);
    }
    const path = readFileSync(join(SYSTEMD, `postern-${tier}-certificates.path`), 'utf8');
    expect(path).toContain(`PathChanged=/etc/postern/pki/${tier}\n`);
  }
});
