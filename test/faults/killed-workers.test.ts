import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStack, type TestStack } from '../support/stack.ts';
import { listeningWorkersOf } from '../support/workers-of.ts';
import { expectAllIsWell, impatient } from './after-a-fault.ts';
import { type Knock, knockAtImap, knockAtWebmail } from './knocking.ts';
import { countAttempts } from './ledger.ts';
import { openChance } from './seed.ts';
import { runSession } from './sending-lane.ts';
import { makeMessage, type SentMessage } from './sent-message.ts';
import type { Attempt } from './smtp-sender.ts';

const FULL = process.env.POSTERN_TEST_FULL === '1';
const ROUNDS = FULL ? 45 : 6;
const MESSAGES_A_ROUND = 30;
const SESSIONS = 8;
const PARTS = ['store', 'relay', 'webmail'] as const;
/** Connections at a time to IMAP, and to webmail. */
const KNOCKING = 3;

let stack: TestStack;

beforeAll(async () => {
  stack = await startStack({
    withWebmail: true,
    relay: (settings) => ({ ...impatient(settings), workers: 2 }),
    store: (settings) => ({ ...settings, workers: 2 }),
    webmail: (settings) => ({ ...settings, workers: 2 }),
  });
}, 120_000);

afterAll(() => stack?.stop());

/** One connection after the other, until told to stop. */
async function keepKnocking(knock: () => Promise<Knock>, results: Knock[], stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    results.push(await knock());
    await pause(2);
  }
}

test('single workers are killed (SIGKILL) under load: nothing is lost or doubled, no client waits for ever', {
  timeout: 900_000,
}, async () => {
  const chance = openChance('workers');
  const messages = Array.from({ length: ROUNDS * MESSAGES_A_ROUND }, (_, n) => makeMessage(chance, n));
  const waiting: SentMessage[] = [];
  const attempts: Attempt[] = [];
  const imap: Knock[] = [];
  const web: Knock[] = [];
  const done = new AbortController();
  const sessions = Array.from({ length: SESSIONS }, (_, n) =>
    runSession(stack, waiting, attempts, n % 4 === 0, done.signal),
  );
  const knocking = Array.from({ length: KNOCKING }).flatMap(() => [
    keepKnocking(() => knockAtImap(stack), imap, done.signal),
    keepKnocking(() => knockAtWebmail(stack), web, done.signal),
  ]);
  // Who is left waiting ends the test, whatever is going on then.
  const allAnswered = Promise.all(knocking);
  const { imap: atImap, smtp, webmail } = stack.endpoints;
  const port = { store: atImap.port, relay: smtp.port, webmail: webmail.port };
  const kills = { store: 0, relay: 0, webmail: 0 };
  const striking = (async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const part = PARTS[round % PARTS.length] ?? 'store';
      // One goes on: what happens when all are gone is another test.
      while (listeningWorkersOf(stack.pid(part), port[part]).length < 2) await pause(50);
      waiting.push(...messages.splice(0, MESSAGES_A_ROUND));
      await pause(chance.int(0, 60));
      process.kill(chance.pick(listeningWorkersOf(stack.pid(part), port[part])), 'SIGKILL');
      kills[part]++;
      while (waiting.length > 0) await pause(10);
      await pause(chance.int(50, 400));
    }
  })();
  await Promise.race([striking, allAnswered]);
  done.abort();
  await Promise.all([striking, allAnswered, ...sessions]);

  const counts = countAttempts(attempts);
  const ended = { imap: countEnded(imap), web: countEnded(web) };
  console.log(
    `workers: ${JSON.stringify({ ...counts, kills, knocks: { imap: imap.length, web: web.length }, ended })}`,
  );
  expect(attempts).toHaveLength(ROUNDS * MESSAGES_A_ROUND);
  await expectAllIsWell(stack, attempts);
  expect(counts.accepted).toBeGreaterThan(attempts.length / 2);
  // Only those whose worker died under them: the other worker takes all that come.
  expect(ended.imap).toBeLessThanOrEqual(KNOCKING * kills.store);
  expect(ended.web).toBeLessThanOrEqual(KNOCKING * kills.webmail);
  for (const part of PARTS) expect(kills[part], `kills of a worker of ${part}`).toBe(ROUNDS / PARTS.length);
});

function countEnded(knocks: readonly Knock[]): number {
  return knocks.filter((knock) => knock === 'ended').length;
}
