import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

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
