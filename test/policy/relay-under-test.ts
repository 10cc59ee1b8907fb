import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RelayConfig, relayConfigSchema } from '@postern/gateway/relay/config.ts';
import { type Relay, startRelay } from '@postern/gateway/relay/relay.ts';
import { openLog, silentLog } from '@postern/shared/runtime/log.ts';
import { connectSmtp } from '@postern/shared/smtp/client.ts';
import { type Listener, type SmtpHandlers, startListener } from '@postern/shared/smtp/listener.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { expect, vi } from 'vitest';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';

export const USER1 = 'user1@domain1.example';
export const USER2 = 'user2@domain1.example';

/** A message as the store's LMTP port got it. */
export interface Arrived {
  readonly extra: ReadonlyMap<string, string>;
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
}

export interface Sent {
  /** Where the client connects from; a loopback address other than the default makes it another client. */
  readonly from?: string;
  readonly helo?: string;
  readonly sender?: string;
  readonly notify?: 'NEVER' | 'FAILURE';
}

export interface RelayUnderTest {
  readonly relay: Relay;
  readonly config: RelayConfig;
  readonly spoolPath: string;
  readonly arrived: Arrived[];
  /** What the store says of each recipient after DATA. */
  atData: (address: string) => Reply;
  send(message: string | Buffer, to: readonly string[], options?: Sent): Promise<string>;
  log(): Record<string, unknown>[];
  stop(): Promise<void>;
}

/** What all relays of one test file share: slapd and certificates. */
export interface Surroundings {
  readonly pki: TestPki;
  readonly slapd: Slapd;
  stop(): Promise<void>;
}

export async function startSurroundings(): Promise<Surroundings> {
  const pki = await makeTestPki();
  const slapd = await startSlapd();
  return {
    pki,
    slapd,
    async stop() {
      await slapd.stop();
      pki.remove();
    },
  };
}

/** A relay in this process to whom nobody is trusted, with real slapd, and an LMTP service that notes what arrives. */
export async function startRelayUnderTest(
  { pki, slapd }: Surroundings,
  settings: Readonly<Record<string, unknown>>,
  spool?: string,
): Promise<RelayUnderTest> {
  const spoolPath = spool ?? (await mkdtemp(join(tmpdir(), 'postern-policy-')));
  const logFile = join(spoolPath, 'relay.log');
  const arrived: Arrived[] = [];
  const handlers: SmtpHandlers = {
    onMail: () => reply(250, '2.1.0', 'ok'),
    onRecipient: () => reply(250, '2.1.5', 'ok'),
    onData(_session, envelope, { content }) {
      const to = envelope.recipients.map((r) => r.address);
      arrived.push({ extra: envelope.extra, from: envelope.reversePath, to, content: content.toString('latin1') });
      return to.map((address) => underTest.atData(address));
    },
  };
  const store: Listener = await startListener({
    protocol: 'lmtp',
    hostname: 'store.example',
    address: '127.0.0.1',
    port: 0,
    tls: {
      mode: 'implicit',
      cert: await readFile(pki.store.cert, 'utf8'),
      key: await readFile(pki.store.key, 'utf8'),
      clientCa: await readFile(pki.ca, 'utf8'),
    },
    handlers,
    log: silentLog(),
    extraMailParameters: ['XDELIVERYID', 'XPLACEMENT'],
  });
  const { policy, store: stores, ...others } = settings;
  const config = relayConfigSchema.parse({
    hostname: 'mx.our.example',
    smtp: { listen: [{ address: '127.0.0.1', port: 0 }], tls: pki.public },
    innerAddress: '127.0.0.1',
    store: {
      ...{ lmtp: { host: '127.0.0.1', port: store.port, serverName: 'store.example' }, tls: pki.relay, ca: pki.ca },
      ...(stores as object | undefined),
    },
    directory: {
      urls: [slapd.url],
      baseDn: slapd.baseDn,
      bindDn: 'cn=relay,dc=myhosting,dc=example',
      bindPassword: 'relay',
      ca: slapd.ca,
      defaultDomain: 'domain1.example',
      timeoutMs: 2_000,
    },
    spool: { path: spoolPath, retryMs: 100, maxRetryMs: 400, storeTestMs: 100 },
    policy: { trustedNetworks: [], ...(policy as object | undefined) },
    ...others,
  });
  const relay = await startRelay(config, openLog({ name: 'relay', level: 'info', file: logFile }));
  const underTest: RelayUnderTest = {
    relay,
    config,
    spoolPath,
    arrived,
    atData: () => reply(250, '2.0.0', 'delivered'),
    async send(message, to, { from = '127.0.0.1', helo = 'mail.sender.example', sender, notify } = {}) {
      const connection = await connectSmtp({
        host: '127.0.0.1',
        port: relay.ports[0] ?? 0,
        localAddress: from,
        protocol: 'smtp',
        heloName: helo,
        tls: { mode: 'none' },
      });
      const recipients = to.map((address) => ({ address, ...(notify === undefined ? {} : { notify: [notify] }) }));
      const envelope = {
        reversePath: sender ?? 'a@sender.example',
        body: '8BITMIME',
        smtpUtf8: false,
        recipients,
      } as const;
      const outcomes = await connection.send(envelope, Buffer.isBuffer(message) ? message : Buffer.from(message));
      await connection.quit();
      const [first] = outcomes;
      return first === undefined ? '' : replyLine(first.reply);
    },
    log() {
      const text = existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
      const whole = text.split('\n').filter((line) => line.endsWith('}'));
      return whole.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    async stop() {
      await relay.close();
      await store.close(0);
      if (spool === undefined) await rm(spoolPath, { recursive: true, force: true });
    },
  };
  return underTest;
}

/** What a client hears that goes on with DATA though its recipients were refused. */
const NO_RECIPIENTS = '554 5.5.1 No valid recipients';

/** Waits until the last line of the log with this event has these fields: lines are written a moment later. */
export async function expectLogged(relay: RelayUnderTest, event: string, fields: object): Promise<void> {
  const last = (): unknown => relay.log().findLast((line) => line.event === event && line.reply !== NO_RECIPIENTS);
  await vi.waitFor(() => expect(last()).toMatchObject(fields), 10_000);
}

/** A message with a Message-ID of its own. */
export function message(subject: string, body = 'Hello.\r\n', ...header: string[]): string {
  const id = createHash('sha256').update(subject).digest('hex').slice(0, 16);
  const fields = [...header, 'From: A <a@sender.example>', `Subject: ${subject}`, `Message-ID: <${id}@sender.example>`];
  return `${fields.join('\r\n')}\r\n\r\n${body}`;
}
