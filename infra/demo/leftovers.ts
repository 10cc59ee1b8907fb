import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Layout } from './layout.ts';
import { readStackFile } from './stack-file.ts';

const GRACE_MS = 5_000;
const FORCE_MS = 25_000;

/**
 * Ends what a launcher that was killed left running. Its parts end by themselves when they notice; this waits for them, then
 * asks, then forces. Only processes of the last stack.json that have this state folder in their command line.
 */
export async function endLeftovers(layout: Layout): Promise<number> {
  if (!existsSync(layout.at('stack.json'))) return 0;
  const found = Object.values(readStackFile(layout).pids).filter((pid) => isOurs(pid, layout));
  const start = Date.now();
  while (found.some((pid) => isOurs(pid, layout))) {
    const waited = Date.now() - start;
    if (waited > GRACE_MS) {
      const signal = waited > FORCE_MS ? 'SIGKILL' : 'SIGTERM';
      for (const pid of found) if (isOurs(pid, layout)) process.kill(pid, signal);
    }
    await pause(200);
  }
  return found.length;
}

function isOurs(pid: number, layout: Layout): boolean {
  const commandLine = `/proc/${pid}/cmdline`;
  return existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes(layout.state);
}
