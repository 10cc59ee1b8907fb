import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const UNITS = join(ROOT, 'infra/systemd');
/** What `systemd-analyze security` may say at most. */
const MAX_EXPOSURE = 2.0;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-notify-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Node has no datagram sockets of the Unix family: Python plays the service manager, and prints each word that it hears. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print('bound', flush=True)
while True:
    data, ancillary, _, _ = s.recvmsg(4096, 256)
    for line in data.decode().splitlines(): print(line, flush=True)
`;

const PROCESS = `
import { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
const lifecycle = new Lifecycle(silentLog());
setInterval(() => undefined, 1_000);
lifecycle.ready();
`;

it('tells the service manager that it is ready, feeds the watchdog, and says that it stops', async () => {
  const socket = join(folder, 'notify');
  const listener = spawn('python3', ['-c', LISTENER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let heard = '';
  listener.stdout.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
  });
  await expect.poll(() => existsSync(socket) && heard).toContain('bound');
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROCESS], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '900000' },
  });
  const ended = new Promise((done) => child.once('exit', done));
  try {
    await expect.poll(() => heard, { timeout: 10_000 }).toMatch(/READY=1\n(.*\n)*WATCHDOG=1\n(.*\n)*WATCHDOG=1/);
    expect(heard).toContain(`MAINPID=${child.pid}`);
    child.kill('SIGTERM');
    await expect.poll(() => heard).toContain('STOPPING=1');
    expect(await ended).toBe(0);
  } finally {
    child.kill('SIGKILL');
    listener.kill('SIGKILL');
  }
});

it.each(['postern-relay.service', 'postern-store.service', 'postern-certificates.service'])(
  '%s leaves little to who breaks in',
  (unit) => {
    const { stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', join(UNITS, unit)],
      { encoding: 'utf8' },
    );
    const [, exposure] = /Overall exposure level for .*: ([0-9.]+)/.exec(stdout) ?? [];
    expect(Number(exposure), stdout + stderr).toBeLessThanOrEqual(MAX_EXPOSURE);
  },
);

it('the units of the tiers restart, watch, reload and name what a port below 1024 needs', () => {
  for (const tier of ['relay', 'store']) {
    const text = readFileSync(join(UNITS, `postern-${tier}.service`), 'utf8');
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
  }
});
