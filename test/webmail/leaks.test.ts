import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebClient } from '../support/jmap.ts';
import { eventually } from '../support/mailbox.ts';
import { capture, isTlsRecords, payloadsOf, streamsOf } from '../support/packet-capture.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** What must not get out of the webmail host: passwords in its memory, and anything but IMAP under TLS on its inner leg. */
const USER = 'user1@domain1.example';
/** A password that no other thing in the process can look like. */
const PASSWORD = 'Kx-9vQ2-horse-battery-7731';
let stack: TestStack;
let client: WebClient;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-heap-'));
  const before = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = `${before ?? ''} --heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}`;
  stack = await startStack({ withWebmail: true });
  process.env.NODE_OPTIONS = before;
  if (before === undefined) delete process.env.NODE_OPTIONS;
  client = new WebClient(stack);
  await client.signIn(USER);
}, 120_000);
afterAll(async () => {
  client?.close();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

test('the memory of the process holds no password after a sign-in, refused or granted, by form or by header', async () => {
  const wrong = new WebClient(stack);
  expect((await wrong.post('/session', { user: 'user2@domain1.example', password: PASSWORD })).status).toBe(401);
  const authorization = `Basic ${Buffer.from(`user2@domain1.example:${PASSWORD}`).toString('base64')}`;
  expect((await wrong.http('/jmap/session', { headers: { authorization } })).status).toBe(401);
  wrong.close();
  // What is needed to find it, if it were there: something else of the same requests is found.
  await client.call('Setting/set', { update: { preferences: '{"mark":"marked-to-be-found"}' } });
  await client.post('/session', { user: USER, password: 'user1' });
  process.kill(stack.pid('webmail'), 'SIGUSR2');
  const name = await eventually(
    async () => readdirSync(folder).find((each) => each.endsWith('.heapsnapshot')),
    (found) => found !== undefined,
    60_000,
  );
  // It is written bit by bit: it is whole when it can be read.
  const path = join(folder, name ?? '');
  const snapshot = await eventually(
    async () => readFileSync(path, 'utf8'),
    (text) => text.trimEnd().endsWith(']}'),
    60_000,
  );
  expect(snapshot.length).toBeGreaterThan(1_000_000);
  expect(snapshot).toContain(USER);
  expect(snapshot).not.toContain(PASSWORD);
  expect(snapshot).not.toContain(Buffer.from(`\0user2@domain1.example\0${PASSWORD}`).toString('base64').slice(8, -4));
  expect(snapshot).not.toContain(Buffer.from(`user2@domain1.example:${PASSWORD}`).toString('base64').slice(4, -4));
  for (const log of [stack.logs.webmail, stack.logs.store]) expect(readFileSync(log, 'utf8')).not.toContain(PASSWORD);
}, 120_000);

test('on the inner leg there is IMAP under TLS and nothing else', async () => {
  const file = join(folder, 'webmail.pcap');
  await stack.end('relay');
  const { imaps } = stack.endpoints;
  const tcpdump: ChildProcess = await capture('ip and (src host 127.0.0.2 or dst host 127.0.0.2)', file);
  await stack.restart('webmail');
  const fresh = new WebClient(stack);
  await fresh.signIn(USER);
  await fresh.call('Email/query', { filter: { text: 'anything' } });
  await fresh.upload('something to be written');
  const { drafts = '' } = await fresh.roles();
  await fresh.call('Email/set', { create: { a: { mailboxIds: { [drafts]: true }, subject: 'captured-subject' } } });
  fresh.close();
  await eventually(
    async () => payloadsOf(file).length,
    (count) => count > 20,
  );
  const exit = once(tcpdump, 'exit');
  tcpdump.kill('SIGINT');
  await exit;
  const streams = streamsOf(payloadsOf(file));
  const outgoing = [...streams].filter(([key]) => key.startsWith('127.0.0.2:'));
  expect(outgoing.length).toBeGreaterThan(0);
  for (const [key, octets] of outgoing) {
    expect(key.endsWith(`> ${imaps.host}:${imaps.port}`), key).toBe(true);
    expect(isTlsRecords(octets), key).toBe(true);
  }
  expect(Buffer.concat([...streams.values()]).includes('captured-subject')).toBe(false);
  await stack.restart('relay');
}, 120_000);
