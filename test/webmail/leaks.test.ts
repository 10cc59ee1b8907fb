import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Json, WebClient } from '../support/jmap.ts';
import { eventually, sendOctets } from '../support/mailbox.ts';
import { capture, isTlsRecords, payloadsOf, streamsOf } from '../support/packet-capture.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/**
 * What must not get out of, or into, the webmail host: passwords in its memory, anything but IMAP under TLS on its inner leg, requests to
 * wherever a message points, and commands in what users name, search and write.
 */
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

test('nothing is fetched for a message: no address in it is ever asked', async () => {
  let calls = 0;
  const server: Server = createServer((socket) => {
    calls += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const html = `<img src="${at}/a"><link rel=stylesheet href="${at}/b"><body background="${at}/c"><iframe src="${at}/d"></iframe>`;
  const fields = `Subject: ssrf\r\nContent-Location: ${at}/e\r\nList-Unsubscribe: <${at}/f>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nDisposition-Notification-To: <x@${at.slice(7)}>\r\n`;
  await sendOctets(
    stack,
    [USER],
    Buffer.from(
      `From: a@b.example\r\n${fields}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n${html}\r\n--b\r\nContent-Type: message/external-body; access-type=URL; URL="${at}/g"\r\n\r\nContent-Type: text/plain\r\n\r\n--b--\r\n`,
    ),
  );
  const { ids } = await client.call('Email/query', { filter: { subject: 'ssrf' } });
  const { list } = await client.call('Email/get', {
    ids,
    properties: ['bodyStructure', 'bodyValues', 'textBody', 'htmlBody', 'attachments', 'headers', 'preview'],
    fetchAllBodyValues: true,
  });
  expect(list[0].bodyValues['1'].value).toContain(at);
  for (const { blobId } of list[0].attachments) await client.http(`/jmap/download/${client.accountId}/${blobId}/x`);
  await client.call('Identity/set', { create: { i: { email: `x@${at.slice(7)}`, htmlSignature: html } } });
  expect(calls).toBe(0);
  server.close();
});

describe('what users name and write is data', () => {
  const HOSTILE = [
    'x" RETURN (STATUS (MESSAGES))',
    'x\r\nw999 DELETE INBOX',
    'x\nw1 LOGOUT\r\n',
    '{5+}\r\nhello',
    '~{3}',
    '"',
    '\\',
    'ü{1}ö',
    '()%*',
    'x) (y',
    'Sent\u0000',
    '\u2028\ud83d\ude00',
    'a'.repeat(2_000),
  ];

  test('searched text, names, keywords and header names: found or refused, never a command', async () => {
    const before = await client.call('Mailbox/get', { ids: null });
    for (const text of HOSTILE) {
      for (const filter of [
        { text },
        { subject: text },
        { header: ['Subject', text] },
        { header: [text] },
        { hasKeyword: text },
      ] as Json[]) {
        const answer = await client.call('Email/query', { filter });
        expect(
          answer.error === undefined
            ? Array.isArray(answer.ids)
            : ['invalidArguments', 'unsupportedFilter'].includes(answer.error),
        ).toBe(true);
      }
      const made = await client.call('Mailbox/set', { create: { m: { name: text } } });
      const id = made.created?.m?.id;
      if (id !== undefined) {
        const { list } = await client.call('Mailbox/get', { ids: [id] });
        expect(list[0].name).toBe(text.normalize('NFC'));
        expect((await client.call('Mailbox/set', { destroy: [id] })).destroyed).toEqual([id]);
      } else expect(['invalidProperties', 'tooLarge']).toContain(made.notCreated.m.type);
      const inbox = (before.list as Json[]).find(({ role }) => role === 'inbox')?.id;
      const set = await client.call('Email/set', {
        create: { e: { mailboxIds: { [inbox]: true }, keywords: { [text]: true } } },
      });
      if (set.created?.e !== undefined) await client.call('Email/set', { destroy: [set.created.e.id] });
      else expect(set.notCreated.e.type).toBe('invalidProperties');
    }
    const after = await client.call('Mailbox/get', { ids: null });
    expect(after.list.map(({ name }: Json) => name)).toEqual(before.list.map(({ name }: Json) => name));
  }, 120_000);

  test('header fields of a draft: no value becomes another field, or the body', async () => {
    const { drafts = '' } = await client.roles();
    const evil = 'x\r\nBcc: victim@example.com\r\n\r\nbody';
    const created = await client.call('Email/set', {
      create: {
        a: {
          mailboxIds: { [drafts]: true },
          subject: evil,
          from: [{ name: evil, email: `a@b.example>\r\nX-Evil: 1` }],
          messageId: [evil],
          textBody: [{ partId: 't' }],
          bodyValues: { t: { value: 'ok' } },
          attachments: [],
        },
        b: { mailboxIds: { [drafts]: true }, 'header:X-Note': ` ${evil}` },
        c: { mailboxIds: { [drafts]: true }, 'header:X-Evil\r\nBcc': 'x' },
        d: {
          mailboxIds: { [drafts]: true },
          bodyStructure: { type: 'text/plain\r\nX-Evil: 1', partId: 'p' },
          bodyValues: { p: { value: '' } },
        },
        e: {
          mailboxIds: { [drafts]: true },
          bodyStructure: { type: 'text/plain', partId: 'p', name: 'n"\r\nX-Evil: 1', cid: 'ok@x' },
          bodyValues: { p: { value: '' } },
        },
        f: { mailboxIds: { [drafts]: true }, headers: [{ name: 'Bcc', value: 'x' }] },
        g: { mailboxIds: { [drafts]: true }, 'header:Content-Type': 'text/html' },
      },
    });
    expect(Object.keys(created.notCreated).sort()).toEqual(['b', 'c', 'd', 'f', 'g']);
    for (const key of ['a', 'e']) {
      const { id } = created.created[key];
      const [email] = (
        await client.call('Email/get', {
          ids: [id],
          properties: ['headers', 'bcc', 'bodyStructure'],
          bodyProperties: ['headers', 'name'],
        })
      ).list;
      expect(email.bcc).toBeNull();
      const names = [...email.headers, ...email.bodyStructure.headers].map(({ name }: Json) => name.toLowerCase());
      expect(names).not.toContain('x-evil');
    }
  });
});

test('a client from npm that nobody here wrote signs in, lists, reads and writes (jmap-jam)', async () => {
  const ca = readFileSync(stack.ca);
  const agent = new Agent({ ca });
  // It brings its own fetch: Node's, which would not know the CA of this stack.
  const fetchWithCa = (input: string | URL | Request, init: RequestInit = {}): Promise<Response> =>
    new Promise((resolve, reject) => {
      const url = input instanceof Request ? input.url : String(input);
      const headers = Object.fromEntries(new Headers(input instanceof Request ? input.headers : init.headers));
      headers.authorization = `Basic ${Buffer.from(`${USER}:user1`).toString('base64')}`;
      const request = httpsRequest(url, { agent, method: init.method ?? 'GET', headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve(
            new Response(Buffer.concat(chunks), {
              status: response.statusCode ?? 500,
              headers: { 'content-type': String(response.headers['content-type']) },
            }),
          ),
        );
      });
      request.on('error', reject);
      request.end(typeof init.body === 'string' ? init.body : undefined);
    });
  const original = globalThis.fetch;
  globalThis.fetch = fetchWithCa as typeof fetch;
  try {
    // Its declarations are TypeScript that Node cannot strip: what is used of it is declared below.
    const { default: JamClient } = (await import('jmap-jam' as string)) as { default: JamConstructor };
    const jam = new JamClient({ sessionUrl: `${client.origin}/.well-known/jmap`, bearerToken: 'unused' });
    const accountId = await jam.getPrimaryAccount();
    const [mailboxes] = await jam.api.Mailbox.get({ accountId, ids: null });
    const drafts = mailboxes.list.find(({ role }: Json) => role === 'drafts');
    expect(drafts).toBeDefined();
    const [made] = await jam.api.Email.set({
      accountId,
      create: {
        k: {
          mailboxIds: { [drafts?.id ?? '']: true },
          subject: 'from a stranger’s client',
          bodyValues: { t: { value: 'hello' } },
          textBody: [{ partId: 't', type: 'text/plain' }],
        } as never,
      },
    });
    const id = made.created?.k?.id ?? '';
    const [{ emails }] = await jam.requestMany((t: Json) => {
      const query = t.Email.query({ accountId, filter: { inMailbox: drafts?.id ?? '', subject: 'stranger' } });
      const emails = t.Email.get({ accountId, ids: query.$ref('/ids'), properties: ['id', 'subject'] });
      return { query, emails };
    });
    expect(emails.list).toEqual([{ id, subject: 'from a stranger’s client' }]);
  } finally {
    globalThis.fetch = original;
    agent.destroy();
  }
});

type JamConstructor = new (options: {
  sessionUrl: string;
  bearerToken: string;
}) => {
  getPrimaryAccount(): Promise<string>;
  readonly api: Record<'Mailbox' | 'Email', Record<'get' | 'set', (args: Json) => Promise<[Json]>>>;
  requestMany(build: (drafts: Json) => Json): Promise<[Json]>;
};
