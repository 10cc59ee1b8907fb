import { spawn } from 'node:child_process';
import type { ProgramEnd } from './exit-status.ts';
import type { HelperConfig } from './helper-config.ts';
import { harmless, type ProgramRequest } from './request.ts';

/** The home of the user is theirs alone, so it is entered after the privileges are gone. EX_TEMPFAIL: it may be mounted later. */
const ENTER_HOME = 'cd "$HOME" || exit 75; exec "$@"';

/**
 * Runs the program as the user: prlimit sets the limits, setpriv gives up every privilege for good (no_new_privs: a program with the
 * setuid bit gains nothing). The message is its standard input, with LF at line ends as programs for Unix mailboxes want it.
 */
export function runProgram(config: HelperConfig, request: ProgramRequest, message: Buffer): Promise<ProgramEnd> {
  const limits = [`--as=${config.memoryLimitBytes}`, `--cpu=${config.cpuLimitSeconds}`, '--core=0', '--nofile=256'];
  const identity = [
    ...[`--reuid=${request.uid}`, `--regid=${request.gid}`, '--clear-groups'],
    ...['--no-new-privs', '--inh-caps=-all', '--'],
  ];
  const args = [...limits, '--', 'setpriv', ...identity, '/bin/sh', '-c', ENTER_HOME, 'sh', ...config.program];
  return new Promise((resolve) => {
    const child = spawn('prlimit', args, {
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
      // A group of its own, so that what it started ends with it.
      detached: true,
      env: {
        HOME: request.home,
        USER: request.user,
        LOGNAME: request.user,
        SHELL: '/bin/sh',
        PATH: '/usr/local/bin:/usr/bin:/bin',
        LANG: 'C',
        SENDER: harmless(request.sender),
        RECIPIENT: harmless(request.recipient),
      },
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      killGroup(child.pid);
    }, config.timeLimitMs);
    // A program may end without reading its message.
    child.stdin.on('error', () => undefined);
    child.stdin.end(withLineFeeds(message));
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ kind: 'not-run', cause: error.message });
    });
    child.once('exit', (status) => {
      clearTimeout(timer);
      killGroup(child.pid);
      if (late) resolve({ kind: 'killed', why: 'time' });
      else if (status === null) resolve({ kind: 'killed', why: 'signal' });
      else resolve({ kind: 'exited', status });
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // Nobody of it is left.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function withLineFeeds(message: Buffer): Buffer {
  return Buffer.from(message.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}
