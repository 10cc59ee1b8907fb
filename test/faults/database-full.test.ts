import { statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectImap } from '../support/imap-dialogue.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient, spooled } from './after-a-fault.ts';
import { countAttempts } from './ledger.ts';
import { openChance } from './seed.ts';
import { runSession } from './sending-lane.ts';
import { makeMessage, type SentMessage } from './sent-message.ts';
import { mountSmallFolder } from './small-folder.ts';
import type { Attempt } from './smtp-sender.ts';

const FULL = process.env.POSTERN_TEST_FULL === '1';
/** How often the disk becomes full. */
const ROUNDS = FULL ? 6 : 1;
/** Left for the database at the beginning of a round. */
const ROOM_BYTES = 8_000_000;

const disk = mountSmallFolder('160m');
if ('why' in disk) console.log(`skipped: no small file system can be mounted (it takes root): ${disk.why}`);

let stack: TestStack;
beforeAll(async () => {
  if ('why' in disk) return;
  stack = await startStack({
    relay: impatient,
    databaseFolder: disk.folder,
    databaseOptions: ['--innodb-log-file-size=8M'],
  });
}, 120_000);
afterAll(async () => {
  try {
    await stack?.stop();
  } finally {
    // Also when the stack did not start: a mount must not stay behind.
    if (!('why' in disk)) disk.unmount();
  }
});

test.skipIf('why' in disk)(
  'a full disk of the database: mail waits in the gateway, IMAP says NO and goes on',
  {
    timeout: 300_000 * ROUNDS,
  },
  async () => {
    const chance = openChance('the database’s disk is full');
    const ballast = join(stack.database.folder, 'ballast');
    const attempts: Attempt[] = [];
    let drafts = 0;
    const imap = await connectImap(stack.endpoints.imap.port, { host: stack.endpoints.imap.host });
    const append = async (): Promise<string> => {
      // None is like another: a body that is there already takes no room.
      const draft = Buffer.alloc(40_000, `Subject: draft ${++drafts}\r\n\r\nMany words to come.\r\n`);
      imap.send(`draft APPEND Drafts {${draft.length}+}\r\n${draft.toString('latin1')}\r\n`);
      return imap.until(/^draft .*\r\n/m);
    };
    expect(await imap.command('LOGIN user3@domain1.example user3')).toContain(' OK ');
    for (let round = 0; round < ROUNDS; round++) {
      const { bavail, bsize } = statfsSync(stack.database.folder);
      writeFileSync(ballast, Buffer.alloc(bavail * bsize - ROOM_BYTES));
      const waiting: SentMessage[] = [];
      const done = new AbortController();
      const sessions = [0, 1, 2, 3].map((n) => runSession(stack, waiting, attempts, n % 2 === 0, done.signal));
      // As much as it takes.
      while (spooled(stack, 'active').length < 5) {
        for (let n = 0; n < 20; n++)
          waiting.push(makeMessage(chance, attempts.length + waiting.length + 1_000 * n, { maxBytes: 40_000 }));
        while (waiting.length > 0) await pause(10);
      }
      done.abort();
      await Promise.all(sessions);

      let answer = '';
      let appended = 0;
      do answer = await append();
      while (answer.includes('draft OK') && appended++ < 1_000);
      expect(answer).toMatch(/^draft NO \[(?:UNAVAILABLE|SERVERBUG)\] /m);
      // What needs no room is served meanwhile.
      await expect.poll(() => imap.command('EXAMINE INBOX'), { timeout: 60_000 }).toContain(' OK ');
      expect(await imap.command('FETCH 1:* (FLAGS ENVELOPE)')).toContain(' OK ');

      unlinkSync(ballast);
      expect(await append()).toContain('draft OK');
      console.log(
        `full: ${JSON.stringify({ ...countAttempts(attempts), appended, spooled: spooled(stack, 'active').length })}`,
      );
      // The books of the check know deliveries alone.
      for (const command of ['SELECT Drafts', 'STORE 1:* +FLAGS.SILENT (\\Deleted)', 'EXPUNGE'])
        expect(await imap.command(command)).toContain(' OK ');
      await expectAllIsWell(stack, attempts);
    }
    imap.close();
    // Nobody was sent away: what the database had no room for, the gateway had.
    expect(attempts.filter(({ kind }) => kind !== 'accepted')).toEqual([]);
  },
);
