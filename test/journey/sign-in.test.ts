import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { addAccount, eventually } from '../support/mailbox.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** Who is refused learns nothing from it: not from the words, not from the time. */
const TRIES = 15;
let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
  for (let n = 0; n < TRIES; n += 1) {
    await addAccount(stack.slapd, `active${n}`);
    await addAccount(stack.slapd, `popper${n}`, ['objectClass: authorizedServiceObject', 'authorizedService: pop3']);
  }
});
afterAll(() => stack?.stop());

let nextHost = 10;
/** A client at an address of its own: an address that failed is slowed down, whoever asks from it. */
function connect(): Promise<ImapDialogue> {
  nextHost += 1;
  const { host, port } = stack.endpoints.imap;
  return connectImap(port, { host, localAddress: `127.0.${100 + (nextHost >> 8)}.${nextHost & 255}` });
}

async function tryToSignIn(user: string, password: string): Promise<{ reply: string; ms: number }> {
  const client = await connect();
  const start = performance.now();
  const reply = await client.command(`LOGIN ${user}@domain1.example ${password}`);
  const ms = performance.now() - start;
  client.close();
  return { reply, ms };
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

test('wrong password, unknown user, account without the service: one reply, in about the same time', async () => {
  // Each user is asked for once, so that no pause after failures is measured; the kinds take turns, so that the
  // machine's moods meet all alike.
  const kinds = {
    'wrong password': (n: number) => tryToSignIn(`active${n}`, 'wrong'),
    'unknown user': (n: number) => tryToSignIn(`absent${n}`, 'wrong'),
    'not for IMAP, right password': (n: number) => tryToSignIn(`popper${n}`, `popper${n}`),
  };
  for (const attempt of Object.values(kinds)) await attempt(TRIES);
  const replies = new Set<string>();
  const times: Record<string, number[]> = {};
  for (let n = 0; n < TRIES; n += 1) {
    for (const [kind, attempt] of Object.entries(kinds)) {
      const { reply, ms } = await attempt(n);
      replies.add(reply);
      times[kind] = [...(times[kind] ?? []), ms];
    }
  }
  expect([...replies]).toEqual(['TAG NO [AUTHENTICATIONFAILED] Authentication failed']);
  const medians = Object.entries(times).map(([kind, all]) => [kind, Number(median(all).toFixed(1))] as const);
  console.log(`medians of ${TRIES} tries, ms: ${medians.map(([kind, ms]) => `${kind} ${ms}`).join(', ')}`);
  const values = medians.map(([, ms]) => ms);
  // Threefold or 10 ms: all ways end with a bind at slapd, whose time moves by some milliseconds on a busy machine; an
  // answer without a bind, or with a connection of its own, would lie outside.
  expect(Math.max(...values)).toBeLessThan(Math.max(3 * Math.min(...values), Math.min(...values) + 10));
});

test('the same words for a suspended and a deleted account with the right password, and for a suspended domain', async () => {
  const answers = [
    await tryToSignIn('suspended', 'suspended'),
    await tryToSignIn('leaver', 'leaver'),
    await tryToSignIn('info', 'user1'),
  ];
  for (const { reply } of answers) expect(reply).toBe('TAG NO [AUTHENTICATIONFAILED] Authentication failed');
});

test('an empty password is refused before the directory is asked: also while it is stopped', async () => {
  await stack.kill('directory', 'SIGSTOP');
  try {
    const client = await connect();
    const start = performance.now();
    expect(await client.command('LOGIN user1@domain1.example ""')).toMatch(/^TAG NO \[AUTHENTICATIONFAILED\]/);
    const plain = Buffer.from('\0user1@domain1.example\0').toString('base64');
    expect(await client.command(`AUTHENTICATE PLAIN ${plain}`)).toMatch(/^TAG NO \[AUTHENTICATIONFAILED\]/);
    expect(performance.now() - start).toBeLessThan(1_000);
    client.close();
    // With a password the directory has to be asked, and nobody knows: this is no refusal.
    const other = await tryToSignIn('user2', 'user2');
    expect(other.reply).toMatch(/^TAG NO \[UNAVAILABLE\]/);
  } finally {
    await stack.kill('directory', 'SIGCONT');
  }
  const after = await eventually(
    () => tryToSignIn('user2', 'user2'),
    ({ reply }) => reply.startsWith('TAG OK'),
  );
  expect(after.reply).toMatch(/^TAG OK/);
});

test('no password and no hash of one is in the logs', () => {
  const logs = readFileSync(stack.logs.store, 'utf8') + readFileSync(stack.logs.relay, 'utf8');
  expect(logs).toContain('sign-in-refused');
  expect(logs).not.toMatch(/"password"|SSHA|wrong password"/);
});
