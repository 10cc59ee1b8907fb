import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { corpus } from '../corpus/corpus.ts';
import { messageWithAttachment } from '../corpus/realistic.ts';
import {
  callGateway,
  eventually,
  messagesWith,
  readMailbox,
  sendOctets,
  smallMessage,
  withoutTrace,
} from '../support/mailbox.ts';
import { mustRun, type ProgramResult, runProgram } from '../support/program.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** One message, from a sender that nobody here wrote (swaks), through both tiers, to a reader that nobody here wrote. */
let stack: TestStack;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-journey-'));
  stack = await startStack();
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const USER1 = 'user1@domain1.example';
const USER2 = 'user2@domain1.example';

function swaks(to: string, ...args: string[]): Promise<ProgramResult> {
  const { host, port } = stack.endpoints.smtp;
  return runProgram('swaks', [
    '--server',
    `${host}:${port}`,
    '--from',
    'sender@elsewhere.example',
    '--to',
    to,
    ...args,
  ]);
}

/** Writes octets where swaks finds them. It ends each message with a line end of its own. */
function file(name: string, content: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('swaks sends', () => {
  test('a plain message, which arrives once, with the trace of both tiers', async () => {
    const sent = await swaks(USER1, '--header', 'Subject: plain-1', '--body', 'hello');
    expect(sent.output).toMatch(/<- {2}250 2\.0\.0 .*[0-9a-f]{32}/);
    expect(sent.status).toBe(0);
    const [message, ...more] = await messagesWith(stack, USER1, 'Subject: plain-1');
    expect(more).toEqual([]);
    const text = message?.source.toString() ?? '';
    expect(text).toMatch(/^Return-Path: <sender@elsewhere\.example>\r\nReceived: /);
    expect(text).toMatch(/with LMTPS/);
    expect(text).toMatch(/with ESMTP\s+id/);
    expect(text).toMatch(/\r\n\r\nhello\r\n/);
    expect(message?.flags).toEqual([]);
  });

  test('over STARTTLS with the certificate verified, and the Received field says so', async () => {
    const sent = await swaks(
      USER1,
      ...['--tls', '--tls-verify', '--tls-ca-path', stack.ca],
      ...['--header', 'Subject: starttls-1'],
    );
    expect(sent.output).toMatch(/TLS started with cipher TLSv1\.[23]/);
    expect(sent.output).toContain(`TLS peer DN="/CN=${stack.names.public}"`);
    expect(sent.output).toMatch(/<~ {2}250 2\.0\.0/);
    const [message] = await messagesWith(stack, USER1, 'Subject: starttls-1');
    expect(message?.source.toString()).toMatch(/with ESMTPS\s+id [0-9a-f]+\s+\(using TLSv1\.[23]/);
    // The verification above means something: with the system's CAs it fails.
    expect((await swaks(USER1, '--tls', '--tls-verify')).output).toMatch(/TLS startup failed.*verify failed/);
  });

  test('to two recipients: each has one copy', async () => {
    const sent = await swaks(`${USER1},${USER2}`, '--header', 'Subject: two-1');
    expect(sent.status).toBe(0);
    expect(sent.output.match(/<- {2}250 2\.1\.5/g)).toHaveLength(2);
    for (const user of [USER1, USER2]) expect(await messagesWith(stack, user, 'Subject: two-1')).toHaveLength(1);
  });

  test('to an alias; to one with several targets, each of whom has one copy, though two of them are one person', async () => {
    expect((await swaks('info@domain1.example', '--header', 'Subject: alias-1')).status).toBe(0);
    expect(await messagesWith(stack, USER1, 'Subject: alias-1')).toHaveLength(1);
    expect(await messagesWith(stack, USER2, 'Subject: alias-1')).toHaveLength(0);
    expect((await swaks('team@domain1.example', '--header', 'Subject: alias-2')).status).toBe(0);
    for (const user of [USER1, USER2]) expect(await messagesWith(stack, user, 'Subject: alias-2')).toHaveLength(1);
    const both = await swaks(`team@domain1.example,info@domain1.example,${USER1}`, '--header', 'Subject: alias-3');
    expect(both.output.match(/<- {2}250 2\.1\.5/g)).toHaveLength(3);
    for (const user of [USER1, USER2]) expect(await messagesWith(stack, user, 'Subject: alias-3')).toHaveLength(1);
  });

  test('to a catch-all', async () => {
    expect((await swaks('whoever@domain2.example', '--header', 'Subject: catch-all-1')).status).toBe(0);
    expect(await messagesWith(stack, 'user5@domain2.example', 'Subject: catch-all-1')).toHaveLength(1);
  });

  test('an attachment of 25 MB, which curl fetches octet for octet', async () => {
    const message = messageWithAttachment(19_000_000);
    expect(message.length).toBeGreaterThan(25_000_000);
    const sent = await swaks(
      'user5@domain2.example',
      '--data',
      `@${file('large.eml', message.subarray(0, -2))}`,
      '--suppress-data',
    );
    expect(sent.output).toMatch(/<- {2}250 2\.0\.0/);
    expect(sent.status).toBe(0);
    const { host, port } = stack.endpoints.imaps;
    const fetched = await runProgram('curl', [
      ...['-s', '--cacert', stack.ca, '--resolve', `${stack.names.store}:${port}:${host}`],
      ...['-u', 'user5@domain2.example:user5', '-o', join(folder, 'fetched.eml')],
      `imaps://${stack.names.store}:${port}/INBOX;MAILINDEX=*`,
    ]);
    expect(fetched.status).toBe(0);
    const received = withoutTrace(readFileSync(join(folder, 'fetched.eml')));
    expect(sha256(received)).toBe(sha256(message));
  });

  test('a subject in UTF-8: as an encoded word, and raw as 8-bit, with 8BITMIME and without SMTPUTF8', async () => {
    const gateway = await callGateway(stack);
    expect(gateway.capabilities.has('8BITMIME')).toBe(true);
    await gateway.quit();
    const raw = 'Subject: Grüße, 東京 raw-1\nTo: user1@domain1.example\n\nnaïve café';
    const encoded = 'Subject: =?UTF-8?B?R3LDvMOfZQ==?= encoded-1\nTo: user1@domain1.example\n\nhello';
    expect((await swaks(USER1, '--data', `@${file('encoded.eml', encoded)}`)).status).toBe(0);
    expect((await swaks(USER1, '--data', `@${file('raw.eml', raw)}`)).status).toBe(0);
    const [word] = await messagesWith(stack, USER1, 'encoded-1');
    expect(withoutTrace(word?.source ?? Buffer.alloc(0)).toString()).toBe(`${encoded}\n`.replaceAll('\n', '\r\n'));
    const [message] = await messagesWith(stack, USER1, 'raw-1');
    expect(withoutTrace(message?.source ?? Buffer.alloc(0)).toString()).toBe(`${raw}\n`.replaceAll('\n', '\r\n'));
  });

  test('BODY=8BITMIME, by python smtplib', async () => {
    const body = Buffer.from('Subject: eight-1\r\nTo: user1@domain1.example\r\n\r\ncaf\xe9 \x80\xff\r\n', 'latin1');
    const script = `
import smtplib, sys
s = smtplib.SMTP(sys.argv[1], int(sys.argv[2])); s.ehlo('client.example')
assert s.has_extn('8bitmime'), s.esmtp_features
print(s.sendmail('sender@elsewhere.example', [sys.argv[3]], open(sys.argv[4], 'rb').read(), ['BODY=8BITMIME'])); s.quit()`;
    const { host, port } = stack.endpoints.smtp;
    await mustRun('python3', ['-c', script, host, String(port), USER1, file('eight.eml', body)]);
    const [message] = await messagesWith(stack, USER1, 'eight-1');
    expect(withoutTrace(message?.source ?? Buffer.alloc(0)).equals(body)).toBe(true);
  });

  test('and the trace tells the way of the message through both tiers', async () => {
    const sent = await swaks(
      USER1,
      '--header',
      'Subject: traced-1',
      '--header',
      'Message-Id: <traced-1@elsewhere.example>',
    );
    const id = /<- {2}250 2\.0\.0 .*?([0-9a-f]{32})/.exec(sent.output)?.[1] ?? '';
    expect(id).not.toBe('');
    for (const query of [id, '<traced-1@elsewhere.example>']) {
      const [journey] = await eventually(
        () => stack.journeys(query),
        ([found]) =>
          ['accepted', 'delivered'].every((e) =>
            found?.lines.some((l) => (l.tier === 'store') === (e === 'delivered') && l.event === e),
          ),
      );
      expect(journey?.deliveryId).toBe(id);
      const events = journey?.lines.map((line) => `${line.tier} ${line.event}`);
      expect(events).toEqual(expect.arrayContaining(['relay connected', 'store delivered', 'relay accepted']));
    }
  });
});

describe('the corpus comes out as it went in', () => {
  const everything = corpus();
  const acceptable = everything.filter((message) => message.acceptable);
  const refused = everything.filter((message) => !message.acceptable);
  const CORPUS_READER = USER2;
  /** RFC 5321 §4.1.1.4: the end of data is CRLF.CRLF, so a last line without an end gets one. */
  const asSent = (bytes: Buffer): Buffer =>
    bytes.subarray(-2).equals(Buffer.from('\r\n')) ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')]);

  test('every acceptable message, octet for octet by SHA-256', async () => {
    const before = (await readMailbox(stack, CORPUS_READER)).length;
    for (const { name, bytes } of acceptable) {
      const [outcome] = await sendOctets(stack, [CORPUS_READER], bytes);
      expect({ name, kind: outcome?.kind, code: outcome?.reply.code }).toEqual({ name, kind: 'delivered', code: 250 });
    }
    const fetched = (await readMailbox(stack, CORPUS_READER)).slice(before);
    const got = fetched.map(({ source }) => sha256(withoutTrace(source)));
    const named = Object.fromEntries(acceptable.map(({ name }, i) => [name, got[i]]));
    expect(named).toEqual(Object.fromEntries(acceptable.map(({ name, bytes }) => [name, sha256(asSent(bytes))])));
    expect(acceptable.length).toBeGreaterThan(30);
  });

  test.each(refused.map(({ name, bytes }) => [name, bytes] as const))(
    '%s is refused with a clear reply, and nothing arrives',
    async (name, bytes) => {
      const before = (await readMailbox(stack, USER1)).length;
      const [outcome] = await sendOctets(stack, [USER1], bytes);
      expect(outcome?.kind).toBe('failed');
      const said = `${outcome?.reply.code} ${outcome?.reply.enhanced} ${outcome?.reply.text}`;
      expect(said).toMatch(name === 'headers-10000' ? /^552 5\.3\.4 .*header/i : /^550 5\.6\.0 .*(CR|LF|NUL)/);
      expect(await readMailbox(stack, USER1)).toHaveLength(before);
      expect((await sendOctets(stack, [USER1], smallMessage(`after-${name}`)))[0]?.kind).toBe('delivered');
    },
  );
});
