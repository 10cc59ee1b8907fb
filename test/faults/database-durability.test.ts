import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient } from './after-a-fault.ts';
import { DatabasePowerCut } from './database-power-cut.ts';
import { countAttempts } from './ledger.ts';
import { type Chance, openChance } from './seed.ts';
import { runSession } from './sending-lane.ts';
import { makeMessage, type SentMessage } from './sent-message.ts';
import type { Attempt } from './smtp-sender.ts';
import { traceProcess, whyNoStrace } from './strace.ts';

const FULL = process.env.POSTERN_TEST_FULL === '1';
const CUTS = FULL ? 12 : 1;
const noStrace = whyNoStrace();
if (noStrace !== undefined) console.log(`skipped: what the database syncs cannot be traced: ${noStrace}`);

let stack: TestStack;
let scratch: string;
let chance: Chance;
let sent = 0;
const attempts: Attempt[] = [];

beforeAll(async () => {
  chance = openChance('faults of the database’s disk');
  scratch = mkdtempSync(join(tmpdir(), 'postern-database-'));
  stack = await startStack({
    relay: impatient,
    // Every write is a system call that strace sees.
    databaseOptions: ['--innodb-use-native-aio=0'],
  });
}, 120_000);
afterAll(async () => {
  await stack?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** Sends messages in a few sessions while something happens; resolves when all were answered or left. */
async function underLoad(count: number, maxBytes: number, strike: () => Promise<void>): Promise<readonly Attempt[]> {
  const waiting: SentMessage[] = Array.from({ length: count }, () => makeMessage(chance, sent++, { maxBytes }));
  const mine: Attempt[] = [];
  const done = new AbortController();
  const sessions = [0, 1, 2, 3].map((n) => runSession(stack, waiting, mine, n % 2 === 0, done.signal));
  await strike();
  done.abort();
  await Promise.all(sessions);
  attempts.push(...mine);
  console.log(JSON.stringify(countAttempts(mine)));
  return mine;
}

describe.skipIf(noStrace !== undefined)('the database’s disk', () => {
  test('loses what was not synced, at any instant: what was answered 250 is there', { timeout: 600_000 }, async () => {
    const data = join(stack.database.folder, 'data');
    let [writes, syncs] = [0, 0];
    for (let cut = 0; cut < CUTS; cut++) {
      const before = join(scratch, `before-${cut}`);
      const after = join(scratch, `after-${cut}`);
      await underLoad(60, 3_000, async () => {
        process.kill(stack.pid('database'), 'SIGSTOP');
        const strace = await traceProcess(stack.pid('database'), join(scratch, `trace-${cut}`));
        cpSync(data, before, { recursive: true, preserveTimestamps: true });
        process.kill(stack.pid('database'), 'SIGCONT');
        await pause(chance.int(300, 1_500));
        process.kill(stack.pid('database'), 'SIGSTOP');
        // What was promised until now must outlive the cut; strace sees a call only when the server stands still after it.
        await pause(50);
        const calls = await strace.stop();
        await stack.kill('database');
        const model = new DatabasePowerCut(data);
        model.replay(calls);
        model.writeTo(before, after, cut % 2 === 0 ? 'none' : 'some', chance);
        rmSync(data, { recursive: true });
        cpSync(after, data, { recursive: true, preserveTimestamps: true });
        writes += model.writes;
        syncs += model.syncs;
        await stack.restart('database');
      });
      for (const path of [before, after]) rmSync(path, { recursive: true });
      await expectAllIsWell(stack, attempts);
    }
    console.log(`${CUTS} cuts, ${writes} writes and ${syncs} syncs before them`);
    expect(syncs).toBeGreaterThan(0);
  });

  test('fails to sync: the database gives up, and nothing that was promised is missing', {
    timeout: 300_000,
  }, async () => {
    await underLoad(40, 3_000, async () => {
      const strace = await traceProcess(
        stack.pid('database'),
        join(scratch, 'failing'),
        `fdatasync,fsync:error=EIO:when=${chance.int(3, 12)}+`,
      );
      await pause(2_000);
      await strace.stop();
      await stack.kill('database');
      await stack.restart('database');
    });
    await expectAllIsWell(stack, attempts);
  });
});
