import { statfsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient } from './after-a-fault.ts';
import { openChance } from './seed.ts';
import { makeMessage } from './sent-message.ts';
import { mountSmallFolder } from './small-folder.ts';
import { type Attempt, SmtpSender } from './smtp-sender.ts';

const small = mountSmallFolder('1m');
if ('why' in small) console.log(`skipped: no small file system can be mounted (it takes root): ${small.why}`);

let stack: TestStack;
beforeAll(async () => {
  if ('why' in small) return;
  stack = await startStack({
    relay: (settings) => {
      const patient = impatient(settings);
      return { ...patient, spool: { ...patient.spool, path: small.folder } };
    },
    without: ['store'],
  });
  stack = { ...stack, spoolFolder: small.folder };
});
afterAll(async () => {
  if ('why' in small) return;
  try {
    await stack.stop();
  } finally {
    // Also when the stack did not start: a mount must not stay behind.
    small.unmount();
  }
});

test.skipIf('why' in small)(
  'a full spool answers 452, never 250, and takes mail again when there is room',
  async () => {
    const chance = openChance('full spool');
    const attempts: Attempt[] = [];
    const send = async (n: number, maxBytes: number): Promise<string> => {
      // A connection each: too many refusals in a row end one.
      const sender = await SmtpSender.open(stack.endpoints.smtp);
      const attempt = await sender.send(makeMessage(chance, n, { maxBytes }));
      sender.close();
      attempts.push(attempt);
      return 'reply' in attempt ? attempt.reply.slice(0, 9) : attempt.cause;
    };
    const replies: string[] = [];
    for (let n = 0; n < 80; n++) replies.push(await send(n, 60_000));
    expect(new Set(replies)).toEqual(new Set(['250 2.0.0', '452 4.3.1']));
    // The disk is full indeed, not some limit of ours reached.
    expect(replies.filter((reply) => reply.startsWith('250')).length).toBeGreaterThan(5);
    const { bavail, bsize } = statfsSync(stack.spoolFolder);
    expect(bavail * bsize).toBeLessThan(200_000);

    await stack.restart('store');
    await expectAllIsWell(stack, attempts);
    await stack.end('store');
    const later: string[] = [];
    for (let n = 100; n < 105; n++) later.push(await send(n, 5_000));
    expect(later).toEqual(Array(5).fill('250 2.0.0'));
    await stack.restart('store');
    await expectAllIsWell(stack, attempts);
  },
);
