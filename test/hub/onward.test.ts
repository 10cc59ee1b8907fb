import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@postern/infra/demo/free-port.ts';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openChance } from '../faults/seed.ts';
import { eventually } from '../support/hub.ts';
import { connectImap } from '../support/imap-dialogue.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { talk } from '../support/talk.ts';

const FROM = 'user1@domain1.example';
const MESSAGES = process.env.POSTERN_TEST_FULL === '1' ? 300 : 20;

let stack: TestStack;
let sink: { readonly folder: string; close(): Promise<void> };

/** Postfix's smtp-sink: a remote server that nobody here wrote; each message becomes a file. */
async function startSink(port: number): Promise<typeof sink> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-sink-'));
  const child = spawn('/usr/sbin/smtp-sink', ['-u', 'root', '-d', `${folder}/%M.`, `127.0.0.1:${port}`, '200'], {
    stdio: 'ignore',
  });
  await eventually(
    () =>
      new Promise<true | undefined>((done) => {
        const socket = connect(port, '127.0.0.1', () => done(true));
        socket.on('error', () => done(undefined));
        socket.on('connect', () => socket.destroy());
      }),
  );
  return {
    folder,
    async close() {
      const gone = new Promise((done) => child.once('exit', done));
      child.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const received = (): string[] =>
  readdirSync(sink.folder).map((name) => readFileSync(join(sink.folder, name), 'latin1'));

beforeAll(async () => {
  const port = await freePort();
  sink = await startSink(port);
  stack = await startStack({
    store: (settings) => ({
      ...settings,
      hub: { ...settings.hub, queue: { pollMs: 50, retryMs: 100, maxRetryMs: 500, leaseMs: 1_500 } },
    }),
    relay: (settings) => ({
      ...settings,
      outbound: {
        localAddress: '127.0.0.1',
        ...settings.outbound,
        smartHost: { host: '127.0.0.1', port, tls: 'none' },
        allowNetworks: ['127.0.0.0/8'],
        srs: { domain: 'domain1.example', secrets: ['a secret of these tests'] },
        queue: { retryMs: 200, maxRetryMs: 1_000 },
      },
    }),
  });
});

afterAll(async () => {
  await stack?.stop();
  await sink?.close();
});

it('goes from the hub by the relay to the world, while both are killed: nothing lost, nothing doubled', async () => {
  const chance = openChance('kills between hub and relay');
  const { hubSubmission } = stack.endpoints;
  const mailer = createTransport({
    host: hubSubmission.host,
    port: hubSubmission.port,
    requireTLS: true,
    tls: { ca: readFileSync(stack.ca, 'utf8'), servername: stack.names.store },
    auth: { user: FROM, pass: 'user1' },
    pool: true,
    maxConnections: 3,
  });
  for (let n = 0; n < MESSAGES; n++) {
    const raw = `From: ${FROM}\r\nBcc: secret@far.example\r\nSubject: onward ${n};\r\n\r\nx\r\n`;
    await mailer.sendMail({ envelope: { from: FROM, to: [`far${n}@far.example`, 'secret@far.example'] }, raw });
    if (n % 10 !== 5) continue;
    // In the middle of handing over: the one has it, or the other, or both.
    await stack.kill('relay');
    await new Promise((done) => setTimeout(done, chance.int(0, 200)));
    await stack.restart('relay');
  }
  mailer.close();
  for (let i = 0; i < 2; i++) {
    await new Promise((done) => setTimeout(done, chance.int(0, 150)));
    await stack.kill('store');
    await stack.restart('store');
  }
  const numbers = await eventually(() => {
    const found = received().flatMap((text) => /^Subject: onward (\d+);/m.exec(text)?.[1] ?? []);
    return new Set(found).size === MESSAGES ? found : undefined;
  });
  const one = received().find((text) => text.includes('Subject: onward 0;')) ?? '';
  expect(one).not.toMatch(/^Bcc:/im);
  expect(one).toMatch(/^X-Rcpt-Args: <secret@far\.example>/m);
  expect(one).toMatch(/^Message-ID: </im);
  // The relay was killed between the sink's answer and its own note at most once a kill: what it sent again is the world's to see.
  expect(numbers.length - MESSAGES).toBeLessThanOrEqual(MESSAGES / 10);
  const log = readFileSync(stack.logs.store, 'utf8');
  expect(log).not.toContain('"event":"bounced"');
});

/** Mail from the Internet, as a stranger hands it over. */
async function fromOutside(reversePath: string, recipient: string, raw: string): Promise<string> {
  const { host, port } = stack.endpoints.smtp;
  const stranger = createTransport({ host, port, name: 'mx.sender.example', ignoreTLS: true });
  try {
    const { response } = await stranger.sendMail({ envelope: { from: reversePath, to: [recipient] }, raw });
    return response;
  } finally {
    stranger.close();
  }
}

/** What the sink wrote before the message, and the message as it came. */
const argumentOf = (dump: string, name: 'Mail' | 'Rcpt'): string | undefined =>
  new RegExp(`^X-${name}-Args: <([^>]*)>`, 'm').exec(dump)?.[1];
const dumpsWith = (text: string): string[] => received().filter((dump) => dump.includes(text));

it('a redirect goes out under SRS; its bounce finds the sender; what comes round is kept, and goes nowhere again', async () => {
  const { managesieve } = stack.endpoints;
  const sieve = await new Promise<Socket>((done, fail) => {
    const socket = connect({ host: managesieve.host, port: managesieve.port }, () => done(socket));
    socket.once('error', fail);
  });
  const plain = Buffer.from('\0user2@domain1.example\0user2').toString('base64');
  await talk(sieve, `AUTHENTICATE "PLAIN" "${plain}"\r\n`, /OK "Signed in"\r\n$/);
  const script = 'require "copy"; redirect :copy "me@elsewhere.example";';
  await talk(sieve, `PUTSCRIPT "away" {${script.length}+}\r\n${script}\r\nSETACTIVE "away"\r\n`, /OK.*\r\nOK.*\r\n$/);
  sieve.destroy();

  const letter = 'From: Ann <ann@sender.example>\r\nTo: user2@domain1.example\r\nSubject: round trip\r\n\r\nHello.\r\n';
  expect(await fromOutside('ann@sender.example', 'user2@domain1.example', letter)).toMatch(/^250 /);
  const dump = await eventually(() => dumpsWith('Subject: round trip')[0]);
  expect(argumentOf(dump, 'Rcpt')).toBe('me@elsewhere.example');
  const sender = argumentOf(dump, 'Mail') ?? '';
  expect(sender).toMatch(/^SRS0=[^=]+=[^=]+=sender\.example=ann@domain1\.example$/);
  expect(dump).toMatch(/^Delivered-To: user2@domain1\.example$/m);
  // The author's own lines as they came; a trace field of each hop.
  expect(dump).toContain(letter.replaceAll('\r\n', '\n').slice(0, letter.indexOf('Hello')));
  expect(dump.match(/^Received: /gm)?.length).toBeGreaterThanOrEqual(3);

  // The other server cannot deliver: its DSN goes to the sender whom SRS has hidden, and to nobody here.
  expect(await fromOutside('', sender, 'From: <>\r\nSubject: undeliverable round trip\r\n\r\nNo.\r\n')).toMatch(
    /^250 /,
  );
  const bounce = await eventually(() => dumpsWith('Subject: undeliverable round trip')[0]);
  expect([argumentOf(bounce, 'Mail'), argumentOf(bounce, 'Rcpt')]).toEqual(['', 'ann@sender.example']);

  // The other server forwards back to us: it is kept, and the log says why it goes no further.
  const back = dump.slice(dump.indexOf('Delivered-To: ')).replaceAll('\n', '\r\n');
  expect(await fromOutside('ann@sender.example', 'user2@domain1.example', back)).toMatch(/^250 /);
  const after = 'From: Ann <ann@sender.example>\r\nSubject: behind it\r\n\r\nx\r\n';
  expect(await fromOutside('ann@sender.example', 'user2@domain1.example', after)).toMatch(/^250 /);
  await eventually(() => dumpsWith('Subject: behind it')[0]);
  expect(dumpsWith('Subject: round trip')).toHaveLength(1);
  const inbox = await connectImap(stack.endpoints.imap.port, { host: stack.endpoints.imap.host });
  await inbox.command('LOGIN user2@domain1.example user2');
  await inbox.command('SELECT INBOX');
  expect(await inbox.command('SEARCH SUBJECT "round trip"')).toMatch(/^\* SEARCH \d+ \d+$/m);
  inbox.close();
});
