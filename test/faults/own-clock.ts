import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A clock for processes of a test: the time of day is the real one, moved by what is set; timers run by the real one. */
export interface OwnClock {
  /** Variables for a process that shall have this clock. */
  readonly environment: Readonly<Record<string, string>>;
  /** Moves it: seconds off the real time. */
  set(seconds: number): void;
  remove(): void;
}

function library(): string | undefined {
  for (const folder of existsSync('/usr/lib') ? readdirSync('/usr/lib') : []) {
    const path = join('/usr/lib', folder, 'faketime/libfaketimeMT.so.1');
    if (existsSync(path)) return path;
  }
  return undefined;
}

/** Why no clock can be had; undefined when one can. */
export function ownClockMissing(): string | undefined {
  return library() === undefined ? 'libfaketime is not installed (Debian’s libfaketime)' : undefined;
}

export function makeOwnClock(): OwnClock {
  const folder = mkdtempSync(join(tmpdir(), 'postern-clock-'));
  // Whole or not there, as the processes read it at each look at the clock.
  const set = (seconds: number): void => {
    writeFileSync(join(folder, 'next'), `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(join(folder, 'next'), join(folder, 'now'));
  };
  set(0);
  return {
    environment: {
      LD_PRELOAD: library() ?? '',
      FAKETIME_TIMESTAMP_FILE: join(folder, 'now'),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
