import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PartName, startStack, type TestStack } from '../support/stack.ts';
import { workersOf } from '../support/workers-of.ts';
import { expectAllIsWell, impatient } from './after-a-fault.ts';
import { countAttempts } from './ledger.ts';
import { openChance } from './seed.ts';
import { runSession } from './sending-lane.ts';
import { makeMessage, type SentMessage } from './sent-message.ts';
import type { Attempt } from './smtp-sender.ts';

const FULL = process.env.POSTERN_TEST_FULL === '1';
const ROUNDS = FULL ? 40 : 8;
const MESSAGES_A_ROUND = 15;
const SESSIONS = 8;
const PARTS: readonly PartName[] = ['store', 'database', 'directory', 'relay'];

let stack: TestStack;

beforeAll(async () => {
  stack = await startStack({
    relay: (settings) => ({ ...impatient(settings), workers: 2 }),
    store: (settings) => ({ ...settings, workers: 2 }),
  });
}, 120_000);

afterAll(() => stack?.stop());

test('each process in turn stands still (SIGSTOP) under load, and goes on: nothing is lost, nothing comes twice', {
  timeout: 900_000,
}, async () => {
  const chance = openChance('stop');
  const messages = Array.from({ length: ROUNDS * MESSAGES_A_ROUND }, (_, n) =>
    makeMessage(chance, n, { id: `stop-${chance.seed}-${n}` }),
  );
  const waiting: SentMessage[] = [];
  const attempts: Attempt[] = [];
  const done = new AbortController();
  const sessions = Array.from({ length: SESSIONS }, (_, n) =>
    runSession(stack, waiting, attempts, n % 2 === 0, done.signal),
  );
  for (let round = 0; round < ROUNDS; round++) {
    waiting.push(...messages.splice(0, MESSAGES_A_ROUND));
    await pause(chance.int(0, 50));
    const part = PARTS[round % PARTS.length] ?? 'store';
    const pids = [stack.pid(part), ...(part === 'store' || part === 'relay' ? workersOf(stack.pid(part)) : [])];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await pause(chance.int(100, FULL && round % 10 < 4 ? 25_000 : 1_500));
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    while (waiting.length > 0) await pause(10);
  }
  done.abort();
  await Promise.all(sessions);
  const counts = countAttempts(attempts);
  console.log(`stop: ${JSON.stringify(counts)}`);
  expect(attempts).toHaveLength(ROUNDS * MESSAGES_A_ROUND);
  expect(counts.accepted).toBeGreaterThan(0);
  await expectAllIsWell(stack, attempts);
});
