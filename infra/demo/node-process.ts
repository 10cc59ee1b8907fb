import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { NODE_ARGUMENTS } from '@postern/shared/runtime/node-arguments.ts';
import { PROJECT } from './layout.ts';
import { Sentence } from './sentence.ts';
import type { RunningPart } from './supervisor.ts';

export interface NodeProcessOptions {
  readonly name: string;
  /** Script relative to the project's root, and its arguments. */
  readonly script: string;
  readonly args: readonly string[];
  /** Log lines and whatever else it prints are appended here. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly startDeadlineMs?: number | undefined;
  /** Ends a start that is under way. */
  readonly stopping?: AbortSignal | undefined;
}

const STOP_DEADLINE_MS = 25_000;
/** Secrets of the launcher: the store gets the database's by its settings, the relay never. */
const WITHHELD = ['DATABASE_URL'];

/**
 * Starts one of our servers as a child, and waits until it says `{ ready: true }` (shared/runtime/lifecycle.ts).
 *
 * @throws Sentence with what it printed, when it ends or stays silent instead
 */
export async function startNodeProcess(options: NodeProcessOptions): Promise<RunningPart> {
  const log = openSync(options.logFile, 'a', 0o600);
  const logStart = statSync(options.logFile).size;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !WITHHELD.includes(name)));
  // A process group of its own: Ctrl-C at the terminal reaches the launcher, which ends the parts in order.
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, options.script, ...options.args], {
    cwd: PROJECT,
    detached: true,
    env: { ...env, ...options.env },
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const ended = new Promise<string>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('exit', (code, signal) => done(signal === null ? `ended with ${code}` : `was ended by ${signal}`));
  });
  const started = await Promise.race([
    readiness(child),
    aborted(options.stopping),
    ended,
    new Promise<string>((done) => {
      setTimeout(() => done('did not answer in time'), options.startDeadlineMs ?? 60_000).unref();
    }),
  ]);
  if (started !== 'ready' || child.pid === undefined) {
    child.kill('SIGKILL');
    await ended;
    const said = lastWords(options.logFile, logStart);
    throw new Sentence(`${options.name} ${started}${said === '' ? '' : `: ${said}`} (its log is ${options.logFile}).`);
  }
  return {
    pid: child.pid,
    ended,
    async stop() {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
      await ended;
      clearTimeout(force);
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}

function readiness(child: ChildProcess): Promise<'ready'> {
  return new Promise((done) => {
    child.on('message', (message) => {
      if (typeof message === 'object' && message !== null && 'ready' in message) done('ready');
    });
  });
}

function aborted(signal: AbortSignal | undefined): Promise<string> {
  return new Promise((done) => {
    if (signal?.aborted === true) done('was not wanted any more');
    signal?.addEventListener('abort', () => done('was not wanted any more'), { once: true });
  });
}

/** Why a process did not start: the plain lines it printed (errors of its settings), or the cause in its last fatal event. */
function lastWords(logFile: string, from: number): string {
  const lines = readFileSync(logFile).subarray(from).toString('utf8').trim().split('\n');
  for (const line of lines.toReversed()) {
    if (!line.startsWith('{')) continue;
    try {
      const event = JSON.parse(line) as { level?: string; err?: { message?: string } };
      if ((event.level === 'fatal' || event.level === 'error') && event.err?.message) return event.err.message;
    } catch {
      // Half a line of a process that was killed says nothing.
    }
  }
  const plain = lines.filter((line) => line !== '' && !line.startsWith('{'));
  const cause = plain.find((line) => /^\w*Error\b/.test(line)) ?? plain.slice(0, 5).join('; ');
  return cause.trim().slice(0, 500);
}
