import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type IdleSide, idleSessions, plainSide, WARM_UP, withIdleStack } from '../imap/idle.ts';
import { ImapWire } from '../imap/imap-wire.ts';
import { ownMemoryKiB, processorMs } from '../measure/processes.ts';
import { Watched } from '../measure/watched.ts';
import { type GrowthStep, reportGrowth } from '../report/growth-report.ts';

const SETTLE_MS = 5_000;
const REPEATS = 9;

/** Ever more sessions that wait in IDLE: what they hold, what they cost while nothing happens, and how soon one hears of a message. */
export async function growIdle(sizes: readonly number[]): Promise<void> {
  await withIdleStack(Math.max(...sizes), async (stack) => {
    const side = plainSide(stack);
    const warm = await idleSessions(side, WARM_UP);
    await pause(SETTLE_MS);
    const base = ownMemoryKiB(side.programs);
    const sessions: Socket[] = [];
    const steps: GrowthStep[] = [];
    for (const size of sizes) {
      const before = sessions.length;
      const watched = new Watched(side.programs);
      const opening = performance.now();
      await watched.run(1, async () => {
        sessions.push(...(await idleSessions(side, size - before)));
        return [];
      });
      const openingMs = (performance.now() - opening) / Math.max(1, size - before);
      await pause(SETTLE_MS);
      const cpu = total(side);
      const memory = (ownMemoryKiB(side.programs) - base) / 1024;
      await pause(SETTLE_MS);
      const busyMs = (total(side) - cpu) / (SETTLE_MS / 1000);
      const figures = {
        'memory of all, MiB': Math.max(memory, 0),
        'CPU of all, ms a second': busyMs,
        'sign-in, SELECT, IDLE: ms each, 20 at a time': openingMs,
        'APPEND to EXISTS, ms': await latency(side, stack.endpoints.imap),
      };
      steps.push({ size, figures, cost: watched.measured });
      console.log(`${size} sessions: ${memory.toFixed(1)} MiB`);
    }
    for (const socket of [...warm, ...sessions]) socket.destroy();
    reportGrowth({ part: 'growth-idle', title: 'Idle IMAP sessions', sizes: 'sessions', fitFrom: 1_000 }, steps);
  });
}

async function latency(side: IdleSide, { host, port }: { host: string; port: number }): Promise<readonly number[]> {
  const [idler, sender] = [await ImapWire.connect(port, host), await ImapWire.connect(port, host)];
  for (const wire of [idler, sender]) await wire.login(side.user(0), side.password);
  await idler.command('SELECT INBOX');
  const letter = Buffer.from('Subject: one more\r\n\r\nx\r\n');
  const times: number[] = [];
  for (let n = 0; n < REPEATS; n++) {
    const heard = await idler.idle();
    const start = performance.now();
    await sender.command(`APPEND INBOX {${letter.length}+}\r\n`, letter);
    await heard();
    times.push(performance.now() - start);
  }
  idler.close();
  sender.close();
  return times;
}

function total({ programs }: IdleSide): number {
  return [...processorMs(programs).values()].reduce((a, b) => a + b, 0);
}
