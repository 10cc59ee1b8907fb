import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { freePort } from '../../infra/demo/free-port.ts';
import { type ProgramResult, runProgram } from './program.ts';

/** Where infra/bootstrap.mjs unpacks Debian's nslcd, pam_ldap, sshd and pamtester: installing them would change who may sign in to this machine. */
const UNPACKED = '/var/cache/postern/pam';
const LIBRARIES = join(UNPACKED, 'lib', process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu');
/** The modules of the example stand there; those of PAM itself where they always do. */
const MODULES = join(LIBRARIES, 'security');
const DEADLINE_MS = 60_000;

/** A host of people with a shell account: real nslcd, PAM and sshd, in a mount namespace with an /etc and a /run of its own. */
export interface PamHost {
  /** What pamtester says of an authentication and authorisation for a service, and whether both went well. */
  pam(service: string, user: string, password: string): Promise<ProgramResult>;
  /** A real ssh with a password: runs a command over there. */
  ssh(user: string, password: string, command: string): Promise<ProgramResult>;
  stop(): void;
}

/** Why such a host cannot be had here; undefined: it can. */
export function noPamHost(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may have a mount namespace';
  if (!existsSync(join(MODULES, 'pam_ldap.so'))) return `nothing is unpacked in ${UNPACKED}`;
  const { status, stderr } = spawnSync('unshare', ['--mount', 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `a mount namespace is refused: ${stderr.trim()}`;
}

export interface PamHostOptions {
  readonly folder: string;
  /** Texts of /etc/nslcd.conf and of the files in /etc/pam.d by their service. */
  readonly nslcd: string;
  readonly services: Readonly<Record<string, string>>;
  /** The CA of the directory, to stand in /etc/directory-ca.pem. */
  readonly ca: string;
}

export async function startPamHost({ folder, nslcd, services, ca }: PamHostOptions): Promise<PamHost> {
  const etc = join(folder, 'etc');
  // Without the passwords of this machine.
  cpSync('/etc', etc, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (from) => !/^\/etc\/(?:g?shadow-?|ssh\/ssh_host.*|pam\.d\/.*)$/.test(from),
  });
  const write = (name: string, text: string): void => writeFileSync(join(etc, name), text);
  const users = readFileSync(join(etc, 'passwd'), 'utf8');
  const daemon = (name: string, uid: number): string =>
    users.includes(`\n${name}:`) ? '' : `${name}:x:${uid}:65534::/nonexistent:/usr/sbin/nologin\n`;
  write('passwd', `${users}${daemon('sshd', 64_901)}${daemon('nslcd', 64_902)}`);
  const groups = readFileSync(join(etc, 'group'), 'utf8');
  write('group', groups.includes('\nnslcd:') ? groups : `${groups}nslcd:x:64902:\n`);
  write('shadow', '');
  write('nsswitch.conf', ['passwd', 'group', 'shadow'].map((map) => `${map}: files ldap\n`).join(''));
  write('nslcd.conf', nslcd);
  write('directory-ca.pem', ca);
  for (const [name, text] of Object.entries(services)) {
    write(`pam.d/${name}`, text.replaceAll('pam_ldap.so', join(MODULES, 'pam_ldap.so')));
  }
  const port = await freePort();
  const hostKey = join(folder, 'host-key');
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]);
  write(
    'sshd_config',
    `Port ${port}\nListenAddress 127.0.0.1\nHostKey ${hostKey}\nUsePAM yes\nPasswordAuthentication yes\nPidFile none\nPrintMotd no\n`,
  );
  const holder = await start(folder, etc, port);
  const password = join(folder, 'ask-password');
  writeFileSync(password, '#!/bin/sh\nprintf "%s\\n" "$PASSWORD"\n', { mode: 0o700 });
  return {
    pam: (service, user, given) =>
      runProgram(
        'nsenter',
        [
          ...['--target', String(holder.pid), '--mount', join(UNPACKED, 'usr/bin/pamtester')],
          ...[service, user, 'authenticate', 'acct_mgmt'],
        ],
        { input: `${given}\n`, env: { LD_LIBRARY_PATH: LIBRARIES } },
      ),
    ssh: (user, given, command) =>
      runProgram(
        'ssh',
        [
          ...['-F', 'none', '-p', String(port), '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
          ...['-o', 'PreferredAuthentications=password', '-o', 'NumberOfPasswordPrompts=1', '-o', 'LogLevel=ERROR'],
          ...[`${user}@127.0.0.1`, command],
        ],
        { env: { SSH_ASKPASS: password, SSH_ASKPASS_REQUIRE: 'force', PASSWORD: given } },
      ),
    stop() {
      // Its process group: the daemons with it, and with the last of them the namespace.
      if (holder.pid !== undefined) process.kill(-holder.pid, 'SIGKILL');
      rmSync(etc, { recursive: true, force: true });
    },
  };
}

/** Enters the namespace and starts the daemons there; ready when both answer. */
async function start(folder: string, etc: string, port: number): Promise<ChildProcess> {
  const said = join(folder, 'pam-host.log');
  const log = openSync(said, 'w');
  const script = [
    'set -e',
    `mount --bind ${etc} /etc`,
    'mount -t tmpfs tmpfs /run',
    'mkdir -m 0755 /run/sshd /run/nslcd',
    'chown nslcd /run/nslcd',
    `export LD_LIBRARY_PATH=${LIBRARIES}`,
    `${join(UNPACKED, 'usr/sbin/nslcd')} --nofork &`,
    `${join(UNPACKED, 'usr/sbin/sshd')} -D -e -f /etc/sshd_config &`,
    'while ! [ -S /run/nslcd/socket ]; do sleep 0.05; done',
    'echo the name service answers',
    'wait',
  ].join('\n');
  const holder = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  await vi.waitFor(
    () => {
      const text = readFileSync(said, 'utf8');
      if (!text.includes('the name service answers') || !text.includes(`Server listening on 127.0.0.1 port ${port}`))
        throw new Error(`the host does not come up: ${text}`);
    },
    { timeout: DEADLINE_MS, interval: 50 },
  );
  return holder;
}
