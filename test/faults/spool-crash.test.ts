import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient, spooled } from './after-a-fault.ts';
import { countAttempts } from './ledger.ts';
import { openChance } from './seed.ts';
import { makeMessage, type SentMessage } from './sent-message.ts';
import { type Attempt, SmtpSender } from './smtp-sender.ts';

const CRASHES = process.env.POSTERN_TEST_FULL === '1' ? 60 : 8;
const SESSIONS = 12;

let stack: TestStack;
/** Of the whole file: mailboxes are not emptied between its tests. */
const attempts: Attempt[] = [];
beforeAll(async () => {
  stack = await startStack({ relay: impatient, without: ['store'] });
});
afterAll(() => stack.stop());

test('kill -9 of the gateway while it spools: what was answered 250 comes once when the store is back', {
  timeout: CRASHES * 10_000 + 60_000,
}, async () => {
  const chance = openChance('kill -9 of a spooling gateway');
  let n = 0;
  let rests = 0;
  for (let crash = 0; crash < CRASHES; crash++) {
    // The same choices whatever the timing: messages and instant first.
    const lanes = Array.from({ length: SESSIONS }, () =>
      Array.from({ length: 40 }, () => makeMessage(chance, n++, { maxBytes: 60_000 })),
    );
    const answersBefore = chance.int(0, 60);
    const killAfterMs = chance.int(0, 30);
    const senders = await Promise.all(lanes.map(() => SmtpSender.open(stack.endpoints.smtp)));
    const sending = senders.map((sender, i) => sendUntilLost(sender, lanes[i] ?? []));
    const from = attempts.length;
    await until(() => attempts.length - from >= answersBefore);
    await pause(killAfterMs);
    await stack.kill('relay');
    await Promise.all(sending);
    const left = spooled(stack, 'tmp');
    rests += left.length;
    await stack.restart('relay');
    // The new process writes there too by now.
    const stillThere = spooled(stack, 'tmp').filter((name) => left.includes(name));
    expect(stillThere, 'rests of the process that died').toEqual([]);
  }
  const count = countAttempts(attempts);
  console.log(
    `${JSON.stringify(count)}; ${CRASHES} crashes left ${rests} unfinished files, ${spooled(stack, 'active').length} in the spool`,
  );
  expect(count.accepted).toBeGreaterThan(CRASHES);
  expect(count.unanswered).toBeGreaterThan(0);
  await stack.restart('store');
  await expectAllIsWell(stack, attempts);
});

test('kill -9 of the gateway while it drains the spool: nothing comes twice', { timeout: 180_000 }, async () => {
  const chance = openChance('kill -9 of a draining gateway');
  await stack.end('store');
  const messages = Array.from({ length: 150 }, (_, i) => makeMessage(chance, i, { id: `drain-${chance.seed}-${i}` }));
  const sender = await SmtpSender.open(stack.endpoints.smtp);
  for (const message of messages) attempts.push(await sender.send(message));
  sender.close();
  expect(spooled(stack, 'active').length).toBeGreaterThanOrEqual(messages.length);
  await stack.restart('store');
  for (let crash = 0; crash < 4; crash++) {
    const drained = spooled(stack, 'active').length - chance.int(5, 40);
    await until(() => spooled(stack, 'active').length <= drained);
    await stack.kill('relay');
    await stack.restart('relay');
  }
  await expectAllIsWell(stack, attempts);
});

async function until(happened: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!happened()) {
    if (Date.now() > deadline) throw new Error('the gateway does not get on');
    await pause(2);
  }
}

async function sendUntilLost(sender: SmtpSender, messages: readonly SentMessage[]): Promise<void> {
  for (const message of messages) {
    if (!sender.usable) return;
    attempts.push(await sender.send(message));
  }
  sender.close();
}
