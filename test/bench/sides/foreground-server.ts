import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface ForegroundServer {
  readonly pid: number;
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 10_000;

/**
 * Starts a server program that stays in the foreground, and waits until something listens on the port.
 *
 * @throws with what it printed, when it ends or stays silent instead
 */
export async function startForegroundServer(
  command: readonly string[],
  port: number,
  extraPort = port,
  address = '127.0.0.1',
): Promise<ForegroundServer> {
  const [program = '', ...args] = command;
  // setpriv: the kernel ends the server with this process, even when that was killed.
  const child = spawn('/usr/bin/setpriv', ['--pdeathsig', 'TERM', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!((await listens(port, address)) && (await listens(extraPort, address)))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${program} did not start: ${output}`);
    }
    await pause(50);
  }
  return { pid: child.pid ?? 0, stop: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await ended;
  clearTimeout(force);
}

function listens(port: number, address: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, address);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
