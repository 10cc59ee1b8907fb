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
  const destination = new GatheredLines(options.file ?? 1);
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

/** How long lines wait for others: each write costs as much as making a dozen lines. */
const GATHER_MS = 20;
const MAX_GATHERED = 16_384;

/** Gathers lines for a moment and writes them together; flushed at exit, and by lifecycle.ts after a fatal fault. */
class GatheredLines {
  readonly #file: ReturnType<typeof pino.destination>;
  #lines = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(dest: string | number) {
    this.#file = pino.destination({ dest, mkdir: true, append: true, sync: false, minLength: 0 });
    process.once('exit', () => this.flushSync());
  }

  write(line: string): void {
    this.#lines += line;
    if (this.#lines.length >= MAX_GATHERED) this.#pass();
    else this.#timer ??= setTimeout(() => this.#pass(), GATHER_MS);
  }

  flush(done?: (error?: Error) => void): void {
    this.#pass();
    this.#file.flush(done);
  }

  flushSync(): void {
    this.#pass();
    try {
      this.#file.flushSync();
    } catch {
      // Not opened yet: what failed at the start is told on standard error.
    }
  }

  #pass(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = '';
    if (lines !== '') this.#file.write(lines);
  }
}

/** A log that drops everything: for tests of parts that need one. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}
