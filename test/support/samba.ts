import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeTestPki } from './pki.ts';

/** A real Active Directory: Samba's domain controller, its LDAP service alone, as a private process. */
export interface SambaDirectory {
  readonly url: string;
  /** Path of the CA's PEM file. */
  readonly ca: string;
  /** Suffix of the domain. */
  readonly suffix: string;
  readonly adminDn: string;
  readonly adminPassword: string;
  /** Applies LDIF change records as the administrator. */
  modify(ldif: string): void;
  setPassword(user: string, password: string): void;
  stop(): Promise<void>;
}

/** Samba listens on port 389 alone, so it gets a loopback address of its own. */
const ADDRESS = '127.0.0.77';
const SUFFIX = 'DC=ad,DC=example';
const ADMIN_PASSWORD = 'Adm1n-password';
const START_DEADLINE_MS = 30_000;

/** Why it cannot run here; undefined when it can. */
export function sambaMissing(): string | undefined {
  if (!existsSync('/usr/sbin/samba') || !existsSync('/usr/share/samba/setup/ad-schema')) {
    return 'Samba is not installed (Debian: apt install samba-ad-dc samba-ad-provision)';
  }
  return process.getuid?.() === 0
    ? undefined
    : 'Samba’s LDAP service listens on port 389, for which one has to be root';
}

/** Provisions a domain in a temporary folder and starts it; throws with its log when it does not come up. */
export async function startSamba(): Promise<SambaDirectory> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-samba-'));
  const pki = await makeTestPki(folder);
  run('samba-tool', [
    ...['domain', 'provision', `--targetdir=${join(folder, 'ad')}`, '--realm=AD.EXAMPLE', '--domain=ADEX'],
    ...['--server-role=dc', '--dns-backend=NONE', `--adminpass=${ADMIN_PASSWORD}`, '--host-name=dc1'],
    ...[`--host-ip=${ADDRESS}`, `--option=interfaces=${ADDRESS}/8`, '--option=bind interfaces only=yes'],
  ]);
  const config = join(folder, 'ad', 'etc', 'smb.conf');
  const global = readFileSync(config, 'utf8').split('[homes]')[0]!.split('[sysvol]')[0]!;
  const own = {
    'server services': 'ldap',
    'tls certfile': pki.directory.cert,
    'tls keyfile': pki.directory.key,
    'tls cafile': pki.ca,
    'log file': join(folder, 'samba.log'),
    'pid directory': folder,
    'ncalrpc dir': join(folder, 'ncalrpc'),
  };
  const kept = global
    .split('\n')
    .filter((line) => !Object.keys(own).some((name) => line.trim().startsWith(`${name} =`)));
  const settings = Object.entries(own).map(([name, value]) => `\t${name} = ${value}`);
  await writeFile(config, `${[...kept, ...settings].join('\n')}\n`);
  const child = await launch(config, folder);
  const adminDn = `CN=Administrator,CN=Users,${SUFFIX}`;
  return {
    url: `ldap://${ADDRESS}:389`,
    ca: pki.ca,
    suffix: SUFFIX,
    adminDn,
    adminPassword: ADMIN_PASSWORD,
    modify(ldif) {
      const server = ['-x', '-H', `ldaps://${ADDRESS}`, '-D', adminDn, '-w', ADMIN_PASSWORD];
      run('ldapmodify', server, { LDAPTLS_CACERT: pki.ca, LDAPTLS_REQCERT: 'allow' }, ldif);
    },
    setPassword(user, password) {
      run('samba-tool', ['user', 'setpassword', user, `--newpassword=${password}`, '-s', config]);
      run('samba-tool', ['user', 'enable', user, '-s', config]);
    },
    async stop() {
      const gone = new Promise<void>((done) => child.once('exit', () => done()));
      // Its own process group: what it forked ends with it.
      if (child.exitCode === null) {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
        await gone;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(config: string, folder: string): Promise<ChildProcess> {
  const child = spawn('/usr/sbin/samba', ['-i', '-M', 'single', '--no-process-group', '-s', config], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!(await answers())) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      const log = join(folder, 'samba.log');
      throw new Error(`samba did not start: ${existsSync(log) ? readFileSync(log, 'utf8').slice(-2_000) : 'no log'}`);
    }
    await pause(50);
  }
  return child;
}

function answers(): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(389, ADDRESS);
    socket.on('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });
}

function run(program: string, args: readonly string[], env: Record<string, string> = {}, input = ''): void {
  const options = { input, encoding: 'utf8', timeout: 120_000, env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr } = spawnSync(program, args, options);
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stdout}${stderr}`);
}
