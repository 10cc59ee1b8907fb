import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient, untilSpoolIsEmpty } from './after-a-fault.ts';
import { makeOwnClock, type OwnClock, ownClockMissing } from './own-clock.ts';
import { openChance } from './seed.ts';
import { makeMessage } from './sent-message.ts';
import { type Attempt, SmtpSender } from './smtp-sender.ts';

const HOURS = 5;
const missing = ownClockMissing();
if (missing !== undefined) console.log(`skipped: clocks that jump: ${missing}`);

let stack: TestStack;
let clock: OwnClock;
const attempts: Attempt[] = [];
const chance = openChance('clock');
let sent = 0;

beforeAll(async () => {
  clock = makeOwnClock();
  stack = await startStack({ relay: impatient, without: ['store', 'relay'] });
  Object.assign(process.env, clock.environment);
  try {
    await stack.restart('store');
    await stack.restart('relay');
  } finally {
    for (const name of Object.keys(clock.environment)) delete process.env[name];
  }
}, 120_000);

afterAll(async () => {
  await stack?.stop();
  clock.remove();
});

async function send(messages: number): Promise<void> {
  for (let n = 0; n < messages; n++) {
    const sender = await SmtpSender.open(stack.endpoints.smtp);
    const attempt = await sender.send(makeMessage(chance, sent, { id: `clock-${chance.seed}-${sent++}` }));
    expect(attempt.kind).toBe('accepted');
    attempts.push(attempt);
    sender.close();
  }
}

test.skipIf(missing !== undefined)(
  'the clock of relay and store jumps by hours, forwards and back: mail goes on, and what was put off does not wait for these hours',
  { timeout: 240_000 },
  async () => {
    await send(3);
    for (const hours of [HOURS, -HOURS, 0]) {
      clock.set(hours * 3_600);
      await send(3);
    }
    await stack.end('store');
    clock.set(HOURS * 3_600);
    await send(5);
    // Each is tried, and put off, by the clock that is ahead.
    await pause(1_000);
    clock.set(0);
    await stack.restart('store');
    await untilSpoolIsEmpty(stack);
    await expectAllIsWell(stack, attempts);
  },
);
