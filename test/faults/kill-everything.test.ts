import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PartName, startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient } from './after-a-fault.ts';
import { countAttempts } from './ledger.ts';
import { type Chance, openChance } from './seed.ts';
import { makeMessage, type SentMessage } from './sent-message.ts';
import { type Attempt, NotReached, SmtpSender } from './smtp-sender.ts';

const FULL = process.env.POSTERN_TEST_FULL === '1';
const MESSAGES = FULL ? 2_000 : 500;
const SESSIONS = 20;
/** Messages that are let go at once; in each such round something is killed. */
const ROUND = FULL ? 16 : 20;
const PARTS: readonly PartName[] = ['relay', 'store', 'database', 'directory'];

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack({ relay: impatient });
});
afterAll(() => stack.stop());

/** One session after the other on its own lane; takes the next message that was let go. */
async function runSession(waiting: SentMessage[], attempts: Attempt[], keepsConnection: boolean, stop: AbortSignal) {
  let sender: SmtpSender | undefined;
  while (!stop.aborted || waiting.length > 0) {
    const message = waiting.shift();
    if (message === undefined) {
      await pause(5);
      continue;
    }
    for (;;) {
      try {
        sender = sender?.usable === true ? sender : await SmtpSender.open(stack.endpoints.smtp);
        break;
      } catch (error) {
        if (!(error instanceof NotReached)) throw error;
        await pause(20);
      }
    }
    attempts.push(await sender.send(message));
    if (!keepsConnection) sender.close();
  }
  sender?.close();
}

/** Kills one or two parts somewhere in the round, and brings them back a little later, one independent of the other. */
function strike(chance: Chance, busy: Set<PartName>, kills: Record<string, number>): Promise<void>[] {
  const free = PARTS.filter((name) => !busy.has(name));
  const victims = new Set(Array.from({ length: chance.int(1, 2) }, () => chance.pick(free.length > 0 ? free : PARTS)));
  return [...victims]
    .filter((name) => !busy.has(name))
    .map(async (name) => {
      const killAfterMs = chance.int(0, 120);
      const backAfterMs = chance.int(0, 500);
      busy.add(name);
      await pause(killAfterMs);
      await stack.kill(name);
      kills[name] = (kills[name] ?? 0) + 1;
      await pause(backAfterMs);
      await stack.restart(name);
      busy.delete(name);
    });
}

test(`${MESSAGES} messages while gateway, store, database and directory are killed: what was answered 250 is there once`, {
  timeout: FULL ? 900_000 : 180_000,
}, async () => {
  const chance = openChance('kill -9 of every part');
  const waiting: SentMessage[] = [];
  const attempts: Attempt[] = [];
  const done = new AbortController();
  const sessions = Array.from({ length: SESSIONS }, (_, n) => runSession(waiting, attempts, n % 2 === 0, done.signal));
  const busy = new Set<PartName>();
  const kills: Record<string, number> = {};
  const repairs: Promise<void>[] = [];
  for (let n = 0; n < MESSAGES; n += ROUND) {
    for (let i = n; i < Math.min(n + ROUND, MESSAGES); i++) waiting.push(makeMessage(chance, i));
    repairs.push(...strike(chance, busy, kills));
    const breathMs = chance.int(300, 1_200);
    await pause(breathMs);
    // A message in each round has met a gateway, or the kills would all fall into one long absence.
    while (waiting.length > ROUND / 2) await pause(10);
  }
  await Promise.all(repairs);
  done.abort();
  await Promise.all(sessions);

  const count = countAttempts(attempts);
  console.log(`${JSON.stringify(count)}; kills ${JSON.stringify(kills)}`);
  expect(attempts).toHaveLength(MESSAGES);
  await expectAllIsWell(stack, attempts);
  expect(count.accepted).toBeGreaterThan(MESSAGES / 3);
  for (const name of PARTS) expect(kills[name], `kills of ${name}`).toBeGreaterThan(0);
});
