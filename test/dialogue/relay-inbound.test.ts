import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { relayConfigSchema } from '@postern/gateway/relay/config.ts';
import { type Relay, startRelay } from '@postern/gateway/relay/relay.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { connectSmtp, type SmtpConnection } from '@postern/shared/smtp/client.ts';
import { type Listener, type SmtpHandlers, startListener } from '@postern/shared/smtp/listener.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';

/** The relay as its peers see it: real slapd beside it, and behind it an LMTP service whose answers a test chooses. */
interface Arrived {
  readonly id: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
}

const OK = reply(250, '2.0.0', 'delivered');
const USER1 = 'user1@domain1.example';
const USER2 = 'user2@domain1.example';
const MESSAGE = Buffer.from('Subject: test\r\nMessage-ID: <m1@sender.example>\r\n\r\n.dot\r\n..two\r\n\u00fc\r\n');

let pki: TestPki;
let slapd: Slapd;
let spoolPath: string;
let relay: Relay;
let store: Listener | undefined;
let storePort = 0;
let arrived: Arrived[] = [];
/** What the store answers at RCPT and after DATA. */
let atRcpt: (address: string) => Reply;
let atData: (address: string) => Reply | Promise<Reply>;

async function startStore(): Promise<void> {
  const handlers: SmtpHandlers = {
    onMail: () => reply(250, '2.1.0', 'ok'),
    onRecipient: (_session, { address }) => atRcpt(address),
    async onData(_session, envelope, { content }) {
      const to = envelope.recipients.map((r) => r.address);
      const verdicts = await Promise.all(to.map((address) => atData(address)));
      const id = envelope.extra.get('XDELIVERYID');
      arrived.push({ id, from: envelope.reversePath, to, content: content.toString() });
      return verdicts;
    },
  };
  const pem = (path: string): Promise<string> => readFile(path, 'utf8');
  store = await startListener({
    protocol: 'lmtp',
    hostname: 'store.example',
    address: '127.0.0.1',
    port: storePort,
    tls: {
      mode: 'implicit',
      cert: await pem(pki.store.cert),
      key: await pem(pki.store.key),
      clientCa: await pem(pki.ca),
    },
    handlers,
    log: silentLog(),
    extraMailParameters: ['XDELIVERYID'],
  });
  storePort = store.port;
}

async function stopStore(): Promise<void> {
  await store?.close(0);
  store = undefined;
}

async function client(to = relay): Promise<SmtpConnection> {
  return await connectSmtp({
    host: '127.0.0.1',
    port: to.ports[0] ?? 0,
    protocol: 'smtp',
    heloName: 'mail.sender.example',
    tls: { mode: 'none' },
  });
}

async function rcpt(...addresses: string[]): Promise<string[]> {
  const connection = await client();
  const outcomes = await connection.probe('a@sender.example', addresses);
  await connection.quit();
  return outcomes.map((o) => replyLine(o.reply).slice(0, 9));
}

async function send(...addresses: string[]): Promise<string> {
  const connection = await client();
  const recipients = addresses.map((address) => ({ address }));
  const envelope = { reversePath: 'a@sender.example', body: '8BITMIME', smtpUtf8: false, recipients } as const;
  const [outcome] = await connection.send(envelope, MESSAGE);
  await connection.quit();
  return outcome === undefined ? '' : replyLine(outcome.reply);
}

const queueId = (answer: string): string | undefined => /queued as ([0-9a-f]{32})$/.exec(answer)?.[1];
const inSpool = async (folder: string): Promise<string[]> =>
  (await readdir(join(spoolPath, folder))).filter((n) => n.endsWith('.message')).map((n) => n.slice(0, 32));
const emptied = (): Promise<void> =>
  vi.waitFor(async () => expect(await inSpool('active')).toEqual([]), { timeout: 10_000, interval: 20 });

beforeAll(async () => {
  pki = await makeTestPki();
  slapd = await startSlapd();
  spoolPath = await mkdtemp(join(tmpdir(), 'postern-spool-'));
  await startStore();
  relay = await startRelay(relayConfigSchema.parse(settings(spoolPath)), silentLog());
});

const settings = (spool: string) => ({
  hostname: 'mx.example',
  smtp: { listen: [{ address: '127.0.0.1', port: 0 }], tls: pki.public },
  innerAddress: '127.0.0.1',
  store: { lmtp: { host: '127.0.0.1', port: storePort, serverName: 'store.example' }, tls: pki.relay, ca: pki.ca },
  directory: {
    urls: [slapd.url],
    baseDn: slapd.baseDn,
    bindDn: 'cn=relay,dc=myhosting,dc=example',
    bindPassword: 'relay',
    ca: slapd.ca,
    defaultDomain: 'domain1.example',
    timeoutMs: 500,
    foundTtlMs: 0,
    notFoundTtlMs: 0,
  },
  spool: { path: spool, retryMs: 100, maxRetryMs: 400, storeTestMs: 100 },
  limits: { finalReplyMs: 2_000, probeMs: 300 },
  recipients: { tarpitAfter: 1_000, refuseAfter: 1_000 },
});

afterAll(async () => {
  await relay?.close();
  await stopStore();
  await slapd?.stop();
  pki?.remove();
  if (spoolPath !== undefined) await rm(spoolPath, { recursive: true, force: true });
});

beforeEach(async () => {
  arrived = [];
  atRcpt = () => reply(250, '2.1.5', 'ok');
  atData = () => OK;
  if (store === undefined) await startStore();
  for (const folder of ['active', 'held']) {
    for (const name of await readdir(join(spoolPath, folder))) await rm(join(spoolPath, folder, name), { force: true });
  }
});

describe('RCPT', () => {
  it.each([
    ['an account', USER1, '250 2.1.5'],
    ['an alias', 'info@domain1.example', '250 2.1.5'],
    ['a catch-all', 'anybody@domain2.example', '250 2.1.5'],
    ['an unknown user', 'nobody@domain1.example', '550 5.1.1'],
    ['a suspended account', 'suspended@domain1.example', '550 5.2.1'],
    ['an account marked for deletion', 'leaver@domain1.example', '550 5.1.1'],
    ['an inactive alias', 'retired@domain1.example', '550 5.2.1'],
    ['a loop of aliases', 'loop-a@domain1.example', '550 5.4.6'],
    ['a forward to the outside, without a way out', 'forward@domain1.example', '550 5.7.1'],
    ['a foreign domain', 'someone@elsewhere.example', '550 5.7.1'],
  ])('%s', async (_, address, expected) => {
    expect(await rcpt(address)).toEqual([expected]);
  });

  it('tells a full mailbox, and lets the other recipient through', async () => {
    // The store's word is kept for two seconds: an address that no other test asks about.
    const user3 = 'user3@domain1.example';
    atRcpt = (address) => (address === user3 ? reply(552, '5.2.2', 'full') : OK);
    expect(await rcpt(user3, USER2)).toEqual(['552 5.2.2', '250 2.1.5']);
  });

  it('says "later" and never "unknown" while the directory is away, and takes what it knew before', async () => {
    expect(await rcpt(USER1)).toEqual(['250 2.1.5']);
    await slapd.kill();
    try {
      const never = 'poponly@domain1.example';
      expect(await rcpt('nobody@domain1.example', never, USER1)).toEqual(['451 4.4.3', '451 4.4.3', '250 2.1.5']);
    } finally {
      await slapd.restart();
    }
    const back = async () => expect(await rcpt('poponly@domain1.example')).toEqual(['250 2.1.5']);
    await vi.waitFor(back, { timeout: 10_000 });
  });
});

describe('a message', () => {
  it('goes through within its transaction: Received in front, all else untouched, one copy an account', async () => {
    const answer = await send('team@domain1.example', USER1);
    expect(answer).toMatch(/^250 2\.0\.0 /);
    expect(arrived).toHaveLength(1);
    expect(arrived[0]).toMatchObject({ id: queueId(answer), from: 'a@sender.example' });
    expect([...(arrived[0]?.to ?? [])].sort()).toEqual([USER1, USER2]);
    const { content } = arrived[0]!;
    expect(content).toMatch(
      /^Received: from mail\.sender\.example \(\[127\.0\.0\.1\]\)\r\n\tby mx\.example with ESMTP id /,
    );
    expect(content.endsWith(MESSAGE.toString())).toBe(true);
    expect(content.slice(0, -MESSAGE.toString().length)).not.toContain(' for <');
    expect(await inSpool('active')).toEqual([]);
  });

  it('is spooled while the store is away, and delivered under the same id when it is back', async () => {
    await stopStore();
    const answers = [await send(USER1), await send(USER2)];
    const ids = answers.map(queueId);
    expect((await inSpool('active')).sort()).toEqual([...ids].sort());
    await startStore();
    await emptied();
    expect(arrived.map((a) => a.id).sort()).toEqual([...ids].sort());
    expect(arrived.every((a) => a.content.endsWith(MESSAGE.toString()))).toBe(true);
  });

  it('is spooled when the store answers 451, and tried again', async () => {
    let tries = 0;
    atData = () => (tries++ === 0 ? reply(451, '4.3.0', 'database away') : OK);
    const answer = await send(USER1);
    expect(answer).toMatch(/^250 /);
    await emptied();
    expect(arrived.map((a) => a.id)).toEqual([queueId(answer), queueId(answer)]);
  });

  it('is spooled when the store is late, under the id that the store may still commit', async () => {
    let release: (verdict: Reply) => void = () => {};
    const late = new Promise<Reply>((resolve) => {
      release = resolve;
    });
    let tries = 0;
    atData = () => (tries++ === 0 ? late : OK);
    const answer = await send(USER1);
    expect(queueId(answer)).toMatch(/^[0-9a-f]{32}$/);
    await emptied();
    release(OK);
    await vi.waitFor(() => expect(arrived.map((a) => a.id)).toEqual([queueId(answer), queueId(answer)]));
  });

  it('is refused with the store’s word when nobody takes it', async () => {
    atData = () => reply(550, '5.7.1', 'refused by a filter');
    expect(await send(USER1, USER2)).toBe('550 5.7.1 refused by a filter');
    expect(await inSpool('held')).toEqual([]);
  });

  it('is held for a recipient who was refused after another took it', async () => {
    atData = (address) => (address === USER1 ? OK : reply(550, '5.7.1', 'refused by a filter'));
    const answer = await send(USER1, USER2);
    expect(answer).toMatch(/^250 /);
    await vi.waitFor(async () => expect(await inSpool('held')).toEqual([queueId(answer)]), { timeout: 10_000 });
    expect(await inSpool('active')).toEqual([]);
  });

  it('is tried again for the deferred recipient alone', async () => {
    let tries = 0;
    atData = (address) => (address === USER2 && tries++ === 0 ? reply(451, '4.3.0', 'locked') : OK);
    const answer = await send(USER1, USER2);
    await emptied();
    expect(arrived.map((a) => a.to)).toEqual([[USER1, USER2], [USER2]]);
    expect(arrived.map((a) => a.id)).toEqual([queueId(answer), queueId(answer)]);
  });

  it('is refused for now when the spool cannot be written', async () => {
    await stopStore();
    await rm(join(spoolPath, 'tmp'), { recursive: true });
    try {
      expect((await send(USER1)).slice(0, 9)).toBe('452 4.3.1');
    } finally {
      await mkdir(join(spoolPath, 'tmp'));
    }
  });

  it('that has gone through fifty hops is refused', async () => {
    const connection = await client();
    const looping = Buffer.concat([Buffer.from('Received: x\r\n'.repeat(50)), MESSAGE]);
    const recipients = [{ address: USER1 }];
    const envelope = { reversePath: 'a@sender.example', body: '8BITMIME', smtpUtf8: false, recipients } as const;
    const [outcome] = await connection.send(envelope, looping);
    await connection.quit();
    expect(outcome && replyLine(outcome.reply).slice(0, 9)).toBe('554 5.4.6');
  });
});

describe('an alias that names an outside address', () => {
  it('is sent to the accounts and, by the smart host, outside; each once', async () => {
    const outside: string[] = [];
    const smartHost = await startListener({
      protocol: 'smtp',
      hostname: 'smarthost.example',
      address: '127.0.0.1',
      port: 0,
      handlers: {
        onMail: () => OK,
        onRecipient: () => OK,
        onData(_session, envelope) {
          outside.push(...envelope.recipients.map((r) => r.address));
          return outside.length === 1 ? reply(451, '4.3.2', 'later') : OK;
        },
      },
      log: silentLog(),
    });
    const folder = await mkdtemp(join(tmpdir(), 'postern-spool-'));
    const second = await startRelay(
      relayConfigSchema.parse({
        ...settings(folder),
        outbound: {
          localAddress: '127.0.0.1',
          smartHost: { host: '127.0.0.1', port: smartHost.port, tls: 'none' },
          queue: { retryMs: 100 },
        },
      }),
      silentLog(),
    );
    try {
      const connection = await client(second);
      const recipients = [{ address: 'both@domain1.example' }];
      const envelope = { reversePath: 'a@sender.example', body: '8BITMIME', smtpUtf8: false, recipients } as const;
      const [outcome] = await connection.send(envelope, MESSAGE);
      await connection.quit();
      expect(outcome?.kind).toBe('delivered');
      await vi.waitFor(async () => expect(await readdir(join(folder, 'active'))).toEqual([]), { timeout: 10_000 });
      expect(outside).toEqual(['someone@elsewhere.example', 'someone@elsewhere.example']);
      expect(arrived.map((a) => a.to)).toEqual([[USER2]]);
    } finally {
      await second.close();
      await smartHost.close(0);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
