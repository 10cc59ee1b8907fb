import pino from 'pino';

/** A structured logger: one JSON object a line. Never give it a password, token or message content (invariant 8). */
export type Log = pino.Logger;

export interface LogOptions {
  /** Name of the process, e.g. `relay` or `store`: the `tier` of every line. */
  readonly name: string;
  readonly level?: string | undefined;
  /** File to append to (created); standard output when undefined. */
  readonly file?: string | undefined;
}

/** Opens the log of a process. Lines carry ISO time, pid and the process's name. */
export function openLog(options: LogOptions): Log {
  const destination = pino.destination({
    dest: options.file ?? 1,
    mkdir: true,
    append: true,
    // Lines are gathered for the time of an event-loop turn or so; flushed at exit by lifecycle.ts.
    sync: false,
    minLength: 0,
  });
  return pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      base: { tier: options.name, pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/** A log that drops everything: for tests of parts that need one. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}
