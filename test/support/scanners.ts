import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../infra/demo/free-port.ts';

/** A real scanner as a private process on loopback. */
export interface Scanner {
  readonly port: number;
  /** clamd alone: it listens there as well. */
  readonly socketPath: string;
  readonly pid: number;
  /** Ends the process alone. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** What every scanner of viruses finds; in two halves, so that none finds it here. */
export const EICAR = `${'X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-'}${'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'}`;

/** clamd of Debian with a signature database of our own, which knows EICAR alone. */
export async function startClamd(settingsOfOwn: Readonly<Record<string, string>> = {}): Promise<Scanner> {
  const folder = await mkdtemp(join(tmpdir(), 'pt-clamd-'));
  const port = Number(settingsOfOwn.TCPSocket ?? (await freePort()));
  const socketPath = join(folder, 'clamd.sock');
  await mkdir(join(folder, 'db'));
  const signature = Buffer.from(EICAR, 'latin1').toString('hex');
  await writeFile(join(folder, 'db', 'tests.ndb'), `Postern.Eicar-Test:0:*:${signature}\n`);
  const settings = {
    Foreground: 'yes',
    TCPSocket: port,
    TCPAddr: '127.0.0.1',
    LocalSocket: socketPath,
    DatabaseDirectory: join(folder, 'db'),
    TemporaryDirectory: folder,
    Bytecode: 'no',
    ...(process.getuid?.() === 0 ? { User: 'root' } : {}),
    ...settingsOfOwn,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  await writeFile(join(folder, 'clamd.conf'), lines.join(''));
  const child = spawn('/usr/sbin/clamd', [`--config-file=${join(folder, 'clamd.conf')}`], { stdio: 'ignore' });
  return await listening(child, folder, port, socketPath);
}

/** rspamd of Debian with one rule of ours: a subject that speaks of a casino; no network is asked. */
export async function startRspamd(): Promise<Scanner> {
  const folder = await mkdtemp(join(tmpdir(), 'pt-rspamd-'));
  const port = await freePort();
  await mkdir(join(folder, 'modules'));
  const at = (name: string): string => JSON.stringify(join(folder, name));
  await writeFile(
    join(folder, 'rspamd.conf'),
    `options {
       pidfile = ${at('pid')}; filters = ""; disable_hyperscan = true; control_socket = ${JSON.stringify(`${join(folder, 'control')} mode=0600`)};
       tempdir = ${at('')}; rundir = ${at('')}; dbdir = ${at('')}; cache_file = ${at('cache')};
       dns { nameserver = ["127.0.0.1:1:1"]; timeout = 0.1s; retransmits = 1; }
     }
     logging { type = "console"; level = "error"; }
     worker "normal" { bind_socket = "127.0.0.1:${port}"; count = 1; }
     metric "default" { actions { reject = 15; "add header" = 6; } }
     modules { path = ${at('modules')}; }
     lua = ${at('rules.lua')};`,
  );
  await writeFile(
    join(folder, 'rules.lua'),
    `local function rule(name, word, score)
       rspamd_config:register_symbol({ name = name, score = score, callback = function(task)
         return (task:get_header('Subject') or ''):find(word) ~= nil
       end })
     end
     rule('TESTS_CASINO', 'casino', 7)
     rule('TESTS_FRAUD', 'fraud', 20)
     rspamd_config:register_symbol({ name = 'TESTS_ENVELOPE', score = 20, callback = function(task)
       local from = task:get_from('smtp')
       return from ~= nil and from[1] ~= nil and from[1].addr == 'spammer@sender.example' and tostring(task:get_ip()) == '127.0.0.9'
     end })`,
  );
  const insecure = process.getuid?.() === 0 ? ['-i'] : [];
  const child = spawn('/usr/bin/rspamd', ['-f', ...insecure, '-c', join(folder, 'rspamd.conf')], { stdio: 'ignore' });
  return await listening(child, folder, port, '');
}

const START_DEADLINE_MS = 60_000;

async function listening(child: ChildProcess, folder: string, port: number, socketPath: string): Promise<Scanner> {
  const gone = once(child, 'exit');
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await Promise.race([gone, pause(5_000, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await gone;
  };
  const stop = async (): Promise<void> => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!(await answers(port))) {
    if (Date.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error(`${child.spawnfile} did not start`);
    }
    await pause(50);
  }
  return { port, socketPath, pid: child.pid ?? 0, kill, stop };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
