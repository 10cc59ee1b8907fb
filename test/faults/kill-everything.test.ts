import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PartName, startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient } from './after-a-fault.ts';
import { countAttempts } from './ledger.ts';
import { type Chance, openChance } from './seed.ts';
import { runSession } from './sending-lane.ts';
import { makeMessage, type SentMessage } from './sent-message.ts';
import type { Attempt } from './smtp-sender.ts';

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

/** What happens in one round, drawn before the run: the same for a seed, whatever the timing. */
interface Strike {
  readonly victims: readonly { readonly name: PartName; readonly killAfterMs: number; readonly backAfterMs: number }[];
  readonly breathMs: number;
}

/** One part in turn, and often another one beside it. */
function planStrike(chance: Chance, round: number): Strike {
  const names = new Set([
    PARTS[round % PARTS.length] ?? 'relay',
    ...(chance.int(0, 1) === 0 ? [chance.pick(PARTS)] : []),
  ]);
  const victims = [...names].map((name) => ({
    name,
    killAfterMs: chance.int(0, 120),
    backAfterMs: chance.int(0, 500),
  }));
  return { victims, breathMs: chance.int(300, 1_200) };
}

/** Kills parts somewhere in the round, and brings them back a little later, one independent of the other. */
function strike({ victims }: Strike, down: Set<PartName>, kills: Record<string, number>): Promise<void>[] {
  return victims
    .filter(({ name }) => !down.has(name))
    .map(async ({ name, killAfterMs, backAfterMs }) => {
      down.add(name);
      await pause(killAfterMs);
      await stack.kill(name);
      kills[name] = (kills[name] ?? 0) + 1;
      await pause(backAfterMs);
      await stack.restart(name);
      down.delete(name);
    });
}

test(`${MESSAGES} messages while gateway, store, database and directory are killed: what was answered 250 is there once`, {
  timeout: FULL ? 900_000 : 180_000,
}, async () => {
  const chance = openChance('kill -9 of every part');
  const messages = Array.from({ length: MESSAGES }, (_, n) => makeMessage(chance, n));
  const plan = Array.from({ length: Math.ceil(MESSAGES / ROUND) }, (_, round) => planStrike(chance, round));
  const waiting: SentMessage[] = [];
  const attempts: Attempt[] = [];
  const done = new AbortController();
  const sessions = Array.from({ length: SESSIONS }, (_, n) =>
    runSession(stack, waiting, attempts, n % 2 === 0, done.signal),
  );
  const down = new Set<PartName>();
  const kills: Record<string, number> = {};
  const repairs: Promise<void>[] = [];
  for (const [round, planned] of plan.entries()) {
    waiting.push(...messages.slice(round * ROUND, (round + 1) * ROUND));
    repairs.push(...strike(planned, down, kills));
    await pause(planned.breathMs);
    // Each round has met a gateway, or the kills would all fall into one long absence.
    while (waiting.length > ROUND / 2) await pause(10);
  }
  await Promise.all(repairs);
  done.abort();
  await Promise.all(sessions);

  const count = countAttempts(attempts);
  console.log(`${JSON.stringify(count)}; kills ${JSON.stringify(kills)}`);
  expect(attempts).toHaveLength(MESSAGES);
  await expectAllIsWell(stack, attempts);
  expect(count.accepted).toBeGreaterThan(MESSAGES / 4);
  for (const name of PARTS) expect(kills[name], `kills of ${name}`).toBeGreaterThan(0);
});
