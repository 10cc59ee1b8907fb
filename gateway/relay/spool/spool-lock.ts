import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface SpoolLock {
  release(): Promise<void>;
}

/** Exit code of flock(1) when somebody else has the lock. */
const TAKEN = 75;
/** A relay that was killed a moment ago gives its lock up within milliseconds. */
const TRIES = 10;
const PAUSE_MS = 100;

/**
 * Takes the spool for this process, so that two relays never drain one spool. The lock is flock(2) on `lock`, held by a child
 * that lives as long as its standard input, which ends with this process however it ends: there is no stale lock
 * to clear away. Rejects with a sentence when another process has it.
 *
 * @param onLost the child ended while the lock was wanted
 */
export async function lockSpool(path: string, onLost: (cause: string) => void): Promise<SpoolLock> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  for (let attempt = 1; ; attempt++) {
    const lock = await tryLock(join(path, 'lock'), onLost);
    if (lock !== undefined) return lock;
    if (attempt === TRIES) throw new Error(`the spool ${path} is in use by another relay`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function tryLock(file: string, onLost: (cause: string) => void): Promise<SpoolLock | undefined> {
  return new Promise((resolve, reject) => {
    // In a process group of its own: Ctrl-C ends the relay first, and the lock with it. `cat` says back that it runs.
    const args = ['--nonblock', '--no-fork', '--conflict-exit-code', `${TAKEN}`, file, 'cat'];
    const child = spawn('flock', args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    let wanted = true;
    let held = false;
    const ended = new Promise<void>((done) => child.once('close', () => done()));
    child.once('error', (error) => reject(new Error(`the spool cannot be locked: ${error.message}`)));
    child.once('exit', (code) => {
      if (held) {
        if (wanted) onLost(`the process that held the lock ended with ${code}`);
      } else if (code === TAKEN) resolve(undefined);
      else reject(new Error(`the spool cannot be locked: flock ended with ${code}`));
    });
    child.stdin.on('error', () => undefined);
    child.stdout.once('data', () => {
      held = true;
      child.unref();
      resolve({
        async release() {
          wanted = false;
          child.ref();
          child.stdin.end();
          await ended;
        },
      });
    });
    child.stdin.write('.');
  });
}
