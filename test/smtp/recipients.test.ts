import { readFileSync } from 'node:fs';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { connectSmtp } from '@postern/shared/smtp/client.ts';
import { type Listener, type SmtpHandlers, startListener } from '@postern/shared/smtp/listener.ts';
import { reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  message,
  type RelayUnderTest,
  type Surroundings,
  startRelayUnderTest,
  startSurroundings,
  USER1,
  USER2,
} from '../policy/relay-under-test.ts';

/** Where accepted recipients go: stores by entry, outside under a sender of ours, and how guessing ends. */
let around: Surroundings;
let relay: RelayUnderTest;
let second: Listener | undefined;
let secondPort = 0;
let smartHost: Listener;
interface Got {
  readonly from: string;
  readonly to: readonly string[];
  readonly id: string | undefined;
}
const atSecond: Got[] = [];
const outside: Got[] = [];
const WAIT = { timeout: 10_000, interval: 30 };
const FAR = 'far@domain1.example';
const LOST = 'lost@domain1.example';

function noting(list: Got[]): SmtpHandlers {
  return {
    onMail: () => reply(250, '2.1.0', 'ok'),
    onRecipient: () => reply(250, '2.1.5', 'ok'),
    onData(_session, envelope) {
      const to = envelope.recipients.map((r) => r.address);
      list.push({ from: envelope.reversePath, to, id: envelope.extra.get('XDELIVERYID') });
      return to.map(() => reply(250, '2.0.0', 'ok'));
    },
  };
}

async function startSecondStore(): Promise<void> {
  const { pki } = around;
  const pem = (path: string) => readFileSync(path, 'utf8');
  const tls = { mode: 'implicit', cert: pem(pki.store.cert), key: pem(pki.store.key), clientCa: pem(pki.ca) } as const;
  second = await startListener({
    ...{ protocol: 'lmtp', hostname: 'store2.example', address: '127.0.0.1', port: secondPort, tls },
    ...{ handlers: noting(atSecond), log: silentLog(), extraMailParameters: ['XDELIVERYID'] },
  });
  secondPort = second.port;
}

beforeAll(async () => {
  around = await startSurroundings();
  const account = (address: string, host: string) =>
    [
      `dn: mail=${address},jvd=domain1.example,${around.slapd.baseDn}`,
      'changetype: add',
      ...['objectClass: JammMailAccount', 'objectClass: inetLocalMailRecipient', `mail: ${address}`],
      ...['accountActive: TRUE', `mailHost: ${host}`, ''],
    ].join('\n');
  await around.slapd.modify([account(FAR, 'Second'), account(LOST, 'old.corp.example')].join('\n'));
  await startSecondStore();
  const onData: SmtpHandlers['onData'] = (_session, envelope) => {
    outside.push({ from: envelope.reversePath, to: envelope.recipients.map((r) => r.address), id: undefined });
    return reply(250, '2.0.0', 'ok');
  };
  const { cert, key } = around.pki.public;
  smartHost = await startListener({
    protocol: 'smtp',
    hostname: 'smart.example',
    address: '127.0.0.1',
    port: 0,
    handlers: { ...noting([]), onData },
    tls: { mode: 'starttls', cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
    log: silentLog(),
    limits: { greetingWaitMs: 0 },
  });
  relay = await startRelayUnderTest(around, {
    store: { stores: { second: { host: '127.0.0.1', port: secondPort, serverName: 'store.example' } } },
    outbound: {
      localAddress: '127.0.0.1',
      smartHost: { host: '127.0.0.1', port: smartHost.port, tls: 'none' },
      srs: { domain: 'bounces.our.example', secrets: ['s3cret'] },
    },
    recipients: { tarpitAfter: 2, refuseAfter: 5, tarpitMs: 20, maxTarpitMs: 60, forgetMs: 600_000 },
    limits: { greetingWaitMs: 0 },
  });
});
afterAll(async () => {
  await relay?.stop();
  await second?.close(0);
  await smartHost?.close(0);
  await around?.stop();
});
beforeEach(() => {
  for (const list of [atSecond, outside, relay.arrived]) list.length = 0;
});

async function rcpt(from: string, reversePath: string, ...addresses: string[]): Promise<string[]> {
  const connection = await connectSmtp({
    host: '127.0.0.1',
    port: relay.relay.ports[0] ?? 0,
    localAddress: from,
    protocol: 'smtp',
    heloName: 'mail.sender.example',
    tls: { mode: 'none' },
  });
  const outcomes = await connection.probe(reversePath, addresses);
  await connection.quit();
  return outcomes.map((outcome) => replyLine(outcome.reply).slice(0, 9));
}

describe('stores', () => {
  test('each account’s own store gets the message, in one transaction each, under one delivery id', async () => {
    expect(await relay.send(message('both stores'), [USER1, FAR, USER2])).toMatch(/^250 2\.0\.0 /);
    expect(relay.arrived).toMatchObject([{ to: [USER1, USER2] }]);
    expect(atSecond).toMatchObject([{ to: [FAR], id: relay.arrived[0]?.extra.get('XDELIVERYID') }]);
  });

  test('one store away: 250, its recipients alone are spooled, and come once when it is back', async () => {
    await second?.close(0);
    second = undefined;
    expect(await relay.send(message('one away'), [USER1, FAR])).toMatch(/^250 2\.0\.0 /);
    expect(relay.arrived).toMatchObject([{ to: [USER1] }]);
    await startSecondStore();
    await vi.waitFor(() => expect(atSecond).toMatchObject([{ to: [FAR] }]), WAIT);
    await vi.waitFor(() => expect(relay.relay.queued).toBe(0), WAIT);
    expect([atSecond.length, relay.arrived.length]).toEqual([1, 1]);
    expect(atSecond[0]?.id).toBe(relay.arrived[0]?.extra.get('XDELIVERYID'));
  });

  test('an account of a store that is not configured is 451, and goes into no other', async () => {
    expect(await rcpt('127.0.0.2', 'a@sender.example', LOST)).toEqual(['451 4.3.5']);
  });

  test('several aliases to one mailbox deliver one copy', async () => {
    await relay.send(message('one copy'), [
      'info@domain1.example',
      'team@domain1.example',
      'abuse@domain1.example',
      USER1,
    ]);
    expect(relay.arrived).toMatchObject([{ to: [USER1, USER2] }]);
  });
});

describe('mail to the outside', () => {
  test('leaves with a sender of ours; its bounce goes back to the first sender', async () => {
    await relay.send(message('forward'), ['both@domain1.example']);
    await vi.waitFor(() => expect(outside).toHaveLength(1), WAIT);
    const [{ from, to } = { from: '', to: [] }] = outside;
    expect(to).toEqual(['someone@elsewhere.example']);
    expect(from).toMatch(/^SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=sender\.example=a@bounces\.our\.example$/);
    // Inwards the sender is as it was.
    await vi.waitFor(() => expect(relay.arrived).toMatchObject([{ from: 'a@sender.example', to: [USER2] }]), WAIT);

    outside.length = 0;
    expect(await relay.send(message('bounce'), [from], { sender: '' })).toMatch(/^250 /);
    await vi.waitFor(() => expect(outside).toMatchObject([{ from: '', to: ['a@sender.example'] }]), WAIT);
    expect(await rcpt('127.0.0.3', 'spam@sender.example', from)).toEqual(['550 5.7.1']);
    expect(await rcpt('127.0.0.3', '', from.replace('=a@', '=b@'))).toEqual(['550 5.1.1']);
  });

  test('the bounce of mail from one of ours comes inwards', async () => {
    await relay.send(message('ours'), ['forward@domain1.example'], { sender: USER1 });
    await vi.waitFor(() => expect(outside).toHaveLength(1), WAIT);
    expect(await relay.send(message('back'), [outside[0]?.from ?? ''], { sender: '' })).toMatch(/^250 /);
    await vi.waitFor(() => expect(relay.arrived).toMatchObject([{ from: '', to: [USER1] }]), WAIT);
  });
});

test('who guesses recipients waits, and then the directory is not asked any more; nobody else is harmed', async () => {
  const guesses = Array.from({ length: 12 }, (_, i) => `guess${i}@domain1.example`);
  const answers = await rcpt('127.0.0.9', 'a@sender.example', ...guesses, USER1);
  expect(answers.slice(0, 5)).toEqual(new Array(5).fill('550 5.1.1'));
  expect(answers.slice(5)).toEqual(new Array(8).fill('450 4.7.1'));
  // Another session of the same client fares no better, and without the directory: it is stopped.
  around.slapd.pause();
  try {
    expect(await rcpt('127.0.0.9', 'a@sender.example', 'other@domain1.example')).toEqual(['450 4.7.1']);
  } finally {
    around.slapd.resume();
  }
  expect(await rcpt('127.0.0.10', 'a@sender.example', USER1)).toEqual(['250 2.1.5']);
});
