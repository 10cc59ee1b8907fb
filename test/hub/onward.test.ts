import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/hub.ts';
import { connectImap } from '../support/imap-dialogue.ts';
import { mustRun } from '../support/program.ts';
import { talk } from '../support/talk.ts';
import { type OnwardStack, startOnwardStack } from './onward-stack.ts';

const FROM = 'user1@domain1.example';

let onward: OnwardStack;
let stack: OnwardStack['stack'];
let sink: OnwardStack['sink'];

beforeAll(async () => {
  onward = await startOnwardStack();
  ({ stack, sink } = onward);
});

afterAll(() => onward?.stop());

it('one trace joins what hub, relay and the remote server said of a message, by Message-ID and by queue id', async () => {
  const { hubSubmission } = stack.endpoints;
  const mailer = createTransport({
    host: hubSubmission.host,
    port: hubSubmission.port,
    requireTLS: true,
    tls: { ca: readFileSync(stack.ca, 'utf8'), servername: stack.names.store },
    auth: { user: FROM, pass: 'user1' },
  });
  const raw = `From: ${FROM}\r\nMessage-ID: <followed@domain1.example>\r\nSubject: followed\r\n\r\nx\r\n`;
  const { response } = await mailer.sendMail({ envelope: { from: FROM, to: ['far@far.example'] }, raw });
  mailer.close();
  const id = /queued as ([0-9a-f]{32})/i.exec(response)?.[1] ?? '';
  const trace = (query: string): Promise<string> =>
    mustRun(process.execPath, [
      resolve(import.meta.dirname, '../../infra/cli/postern.ts'),
      ...['trace', query, '--json', '--log', stack.logs.relay, '--log', stack.logs.store],
    ]);
  // The relay tells last what the remote server said; a log gathers lines for a moment.
  await eventually(() => {
    const lines = readFileSync(stack.logs.relay, 'utf8').split('\n');
    return lines.find((line) => line.includes(id) && line.includes('"event":"delivered"'));
  });
  await eventually(() =>
    readFileSync(stack.logs.store, 'utf8')
      .split('\n')
      .find((line) => line.includes(id) && line.includes('"event":"delivered"')),
  );
  for (const query of ['<followed@domain1.example>', id]) {
    const journeys = (await trace(query)).trim().split('\n');
    expect(journeys, query).toHaveLength(1);
    const journey = JSON.parse(journeys[0] ?? '') as { deliveryId: string; lines: Record<string, unknown>[] };
    expect(journey.deliveryId).toBe(id);
    const told = journey.lines.filter(({ deliveryId }) => deliveryId === id);
    const of = (tier: string, event: string) => told.find((line) => line.tier === tier && line.event === event);
    expect(of('store', 'accepted'), 'the submission').toMatchObject({ from: FROM, to: ['far@far.example'] });
    expect(of('relay', 'accepted'), 'the hub’s queue hands over').toMatchObject({ from: FROM });
    expect(of('store', 'delivered'), 'the hub’s queue hears it').toMatchObject({
      to: 'far@far.example',
      next: stack.names.relay,
      reply: expect.stringMatching(/^250 /),
    });
    expect(of('relay', 'delivered'), 'the remote server’s answer').toMatchObject({
      to: 'far@far.example',
      next: '127.0.0.1',
      reply: expect.stringMatching(/^250 2\.0\.0 Ok/),
    });
    // In order of time, with who called first.
    const times = journey.lines.map(({ time }) => String(time));
    expect(times).toEqual([...times].sort());
    expect(journey.lines[0]).toMatchObject({ tier: 'store', event: 'signed-in', service: 'submission' });
  }
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
  const {
    content: dump,
    recipients,
    reversePath: sender,
  } = await eventually(() => sink.with('Subject: round trip')[0]);
  expect(recipients).toEqual(['me@elsewhere.example']);
  expect(sender).toMatch(/^SRS0=[^=]+=[^=]+=sender\.example=ann@domain1\.example$/);
  expect(dump).toMatch(/^Delivered-To: user2@domain1\.example$/m);
  // The author's own lines as they came; a trace field of each hop.
  expect(dump).toContain(letter.replaceAll('\r\n', '\n').slice(0, letter.indexOf('Hello')));
  expect(dump.match(/^Received: /gm)?.length).toBeGreaterThanOrEqual(3);

  // The other server cannot deliver: its DSN goes to the sender whom SRS has hidden, and to nobody here.
  expect(await fromOutside('', sender, 'From: <>\r\nSubject: undeliverable round trip\r\n\r\nNo.\r\n')).toMatch(
    /^250 /,
  );
  const bounce = await eventually(() => sink.with('Subject: undeliverable round trip')[0]);
  expect(bounce).toMatchObject({ reversePath: '', recipients: ['ann@sender.example'] });

  // The other server forwards back to us: it is kept, and the log says why it goes no further.
  const back = dump.slice(dump.indexOf('Delivered-To: ')).replaceAll('\n', '\r\n');
  expect(await fromOutside('ann@sender.example', 'user2@domain1.example', back)).toMatch(/^250 /);
  const after = 'From: Ann <ann@sender.example>\r\nSubject: behind it\r\n\r\nx\r\n';
  expect(await fromOutside('ann@sender.example', 'user2@domain1.example', after)).toMatch(/^250 /);
  await eventually(() => sink.with('Subject: behind it')[0]);
  expect(sink.with('Subject: round trip')).toHaveLength(1);
  const inbox = await connectImap(stack.endpoints.imap.port, { host: stack.endpoints.imap.host });
  await inbox.command('LOGIN user2@domain1.example user2');
  await inbox.command('SELECT INBOX');
  expect(await inbox.command('SEARCH SUBJECT "round trip"')).toMatch(/^\* SEARCH \d+ \d+$/m);
  inbox.close();
});
