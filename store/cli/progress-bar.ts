const WIDTH = 30;
const EVERY_MS = 100;

/** Draws a bar on standard error, when that is a terminal; else nothing. Call `end` before other lines. */
export interface ProgressBar {
  show(done: number, of: number, what: string): void;
  end(): void;
}

export function openProgressBar(stream: NodeJS.WriteStream = process.stderr): ProgressBar {
  let drawnAt = 0;
  let shown = false;
  return {
    show(done, of, what) {
      const now = Date.now();
      if (!stream.isTTY || (now - drawnAt < EVERY_MS && done !== of)) return;
      drawnAt = now;
      shown = true;
      stream.write(`\r\u001b[K${barOf(done, of)} ${what}`.slice(0, (stream.columns ?? 80) + 4));
    },
    end() {
      if (shown) stream.write('\r\u001b[K');
      shown = false;
    },
  };
}

/** `[=====>    ] 50 % 5/10`; without an end to reach, the number alone. */
export function barOf(done: number, of: number): string {
  if (of <= 0) return String(done);
  const part = Math.min(1, done / of);
  const filled = Math.round(part * WIDTH);
  const bar = `${'='.repeat(Math.max(0, filled - 1))}${filled > 0 ? '>' : ''}`.padEnd(WIDTH);
  return `[${bar}] ${Math.floor(part * 100)} % ${done}/${of}`;
}
