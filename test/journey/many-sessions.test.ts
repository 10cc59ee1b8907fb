import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectImap } from '../support/imap-dialogue.ts';
import { callGateway, readMailbox, sendOctets, smallMessage } from '../support/mailbox.ts';
import { runProgram } from '../support/program.ts';
import { startStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-many-'));
  stack = await startStack();
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('50 SMTP sessions at a time (smtp-source): each of 500 messages arrives once', async () => {
  const { host, port } = stack.endpoints.smtp;
  const letter = join(folder, 'letter');
  writeFileSync(letter, smallMessage('many-smtp').toString().replaceAll('\r\n', '\n'));
  const sent = await runProgram('/usr/sbin/smtp-source', [
    ...['-s', '50', '-m', '500', '-F', letter, '-f', 'sender@elsewhere.example'],
    ...['-t', 'user5@domain2.example', `inet:${host}:${port}`],
  ]);
  expect(sent.output).toBe('');
  expect(sent.status).toBe(0);
  const messages = await readMailbox(stack, 'user5@domain2.example');
  expect(messages).toHaveLength(500);
  const queueIds = messages.map(({ source }) => /\bid ([0-9a-f]{32})/.exec(source.toString())?.[1]);
  expect(new Set(queueIds).size).toBe(500);
  // 50 at a time were really there: sessions that overlap, by the gateway's own log.
  expect(mostAtATime(readFileSync(stack.logs.relay, 'utf8'))).toBeGreaterThan(10);
});

test('50 sessions that are open together are all served', async () => {
  const sessions = await Promise.all(Array.from({ length: 50 }, () => callGateway(stack)));
  const envelope = { reversePath: 's@elsewhere.example', body: '7BIT', smtpUtf8: false } as const;
  const outcomes = await Promise.all(
    sessions
      .toReversed()
      .map((session, n) =>
        session.send({ ...envelope, recipients: [{ address: 'user2@domain1.example' }] }, smallMessage(`open-${n}`)),
      ),
  );
  expect(outcomes.flat().filter(({ kind }) => kind === 'delivered')).toHaveLength(50);
  await Promise.all(sessions.map((session) => session.quit()));
  const subjects = (await readMailbox(stack, 'user2@domain1.example')).map(
    ({ source }) => /^Subject: (open-\d+)\r$/m.exec(source.toString())?.[1],
  );
  expect(new Set(subjects).size).toBe(50);
  expect(subjects).toHaveLength(50);
});

test('200 IMAP sessions select, fetch, idle, and each sees the EXISTS of a delivery', async () => {
  const user = 'user1@domain1.example';
  await sendOctets(stack, [user], smallMessage('first-of-many'));
  const ca = readFileSync(stack.ca, 'utf8');
  const { host, port } = stack.endpoints.imaps;
  const sessions = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const client = await connectImap(port, { host, ca });
      expect(await client.command(`LOGIN ${user} user1`)).toMatch(/^TAG OK/m);
      expect(await client.command('SELECT INBOX')).toMatch(/^\* 1 EXISTS$/m);
      expect(await client.command('FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')).toContain('first-of-many');
      client.send('idle IDLE\r\n');
      await client.until(/^\+ .*\r\n/m);
      return client;
    }),
  );
  const start = performance.now();
  await sendOctets(stack, [user], smallMessage('second-of-many'));
  const seen = await Promise.all(
    sessions.map(async (client) => {
      await client.until(/^\* 2 EXISTS\r\n/m);
      return performance.now() - start;
    }),
  );
  console.log(`200 sessions saw EXISTS within ${Math.max(...seen).toFixed(0)} ms of MAIL FROM`);
  // Pushed, and not found by a check from time to time.
  expect(Math.max(...seen)).toBeLessThan(5_000);
  for (const client of sessions) {
    client.send('DONE\r\n');
    expect(await client.until(/^idle .*\r\n/m)).toMatch(/idle OK/);
    client.close();
  }
});

/** The most sessions of the gateway that had begun and not yet been answered 250, by its log. */
function mostAtATime(log: string): number {
  const events = log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { event?: string; service?: string; time: string })
    .filter(({ service }) => service === 'smtp');
  let now = 0;
  let most = 0;
  for (const { event } of events) {
    if (event === 'connected') most = Math.max(most, ++now);
    if (event === 'accepted') now -= 1;
  }
  return most;
}
