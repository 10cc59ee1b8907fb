import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { relayConfigSchema } from '@postern/gateway/relay/config.ts';
import { type Relay, startRelay } from '@postern/gateway/relay/relay.ts';
import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import { openLog, silentLog } from '@postern/shared/runtime/log.ts';
import { connectSmtp } from '@postern/shared/smtp/client.ts';
import type { Envelope } from '@postern/shared/smtp/envelope.ts';
import { type Listener, startListener } from '@postern/shared/smtp/listener.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { vi } from 'vitest';
import { type DnsServer, startDns } from '../support/dns.ts';
import { type IdentityFiles, makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { RemoteHosts } from './remote-hosts.ts';

export const PUBLIC_LEG = '127.0.0.1';
export const PRIVATE_LEG = '127.0.0.2';
export const USER1 = 'user1@domain1.example';
/** Deadline of everything that is waited for: machines may be busy. */
export const PATIENCE = { timeout: 60_000, interval: 30 };

/** A message that came inwards by LMTP. */
export interface Inward {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
}

/** What stands around the relay of one test file: slapd, an LMTP service, name server, mail servers outside. */
export interface Surroundings {
  readonly pki: TestPki;
  readonly slapd: Slapd;
  readonly dns: DnsServer;
  readonly remote: RemoteHosts;
  readonly inward: Inward[];
  readonly storePort: number;
  stop(): Promise<void>;
}

export async function startSurroundings(): Promise<Surroundings> {
  const pki = await makeTestPki();
  const slapd = await startSlapd();
  const dns = await startDns();
  const remote = await RemoteHosts.start();
  const inward: Inward[] = [];
  const pem = (path: string): string => readFileSync(path, 'utf8');
  const store: Listener = await startListener({
    protocol: 'lmtp',
    hostname: 'store.example',
    address: '127.0.0.1',
    port: 0,
    tls: { mode: 'implicit', cert: pem(pki.store.cert), key: pem(pki.store.key), clientCa: pem(pki.ca) },
    handlers: {
      onMail: () => reply(250, '2.1.0', 'ok'),
      onRecipient: () => reply(250, '2.1.5', 'ok'),
      onData(_session, { reversePath, recipients }, { content }) {
        inward.push({ from: reversePath, to: recipients.map((r) => r.address), content: content.toString() });
        return reply(250, '2.0.0', 'delivered');
      },
    },
    log: silentLog(),
    extraMailParameters: ['XDELIVERYID', 'XPLACEMENT'],
  });
  return {
    ...{ pki, slapd, dns, remote, inward, storePort: store.port },
    async stop() {
      await store.close(0);
      await remote.stop();
      await dns.stop();
      await slapd.stop();
      pki.remove();
    },
  };
}

type Settings = Readonly<Record<string, unknown>>;

/** Settings of a relay that sends to the hosts outside by MX; times are short, so that days pass in seconds. */
export function relaySettings(
  around: Surroundings,
  spoolPath: string,
  outbound: Settings = {},
  more: Settings = {},
): Settings {
  const { pki, slapd, dns, remote, storePort } = around;
  const { queue, ...others } = outbound;
  return {
    hostname: 'mx.our.example',
    smtp: { listen: [{ address: PUBLIC_LEG, port: 0 }], tls: pki.public },
    innerAddress: PRIVATE_LEG,
    store: {
      ...{ lmtp: { host: '127.0.0.1', port: storePort, serverName: 'store.example' }, tls: pki.relay, ca: pki.ca },
    },
    directory: {
      urls: [slapd.url],
      baseDn: slapd.baseDn,
      bindDn: 'cn=relay,dc=myhosting,dc=example',
      bindPassword: 'relay',
      ca: slapd.ca,
      defaultDomain: 'domain1.example',
      timeoutMs: 5_000,
      ...{ foundTtlMs: 300, notFoundTtlMs: 300 },
    },
    spool: { path: spoolPath, retryMs: 100, maxRetryMs: 400, storeTestMs: 100 },
    dns: { servers: [dns.address], timeoutMs: 1_000, cacheMs: 0 },
    outbound: {
      localAddress: PUBLIC_LEG,
      direct: true,
      port: remote.port,
      listen: {
        ...{ address: PRIVATE_LEG, port: 0, tls: pki.relay, clientCa: pki.ca, clients: ['hub.example'] },
        hosts: ['127.0.0.80'],
      },
      allowNetworks: ['127.0.1.0/24'],
      queue: { retryMs: 100, maxRetryMs: 300, lifetimeMs: 60_000, delayWarningMs: 0, ...(queue as object | undefined) },
      ...others,
    },
    ...more,
  };
}

/** What the hub hands over. */
export interface HandOver {
  readonly from?: string;
  readonly to: readonly (string | Envelope['recipients'][number])[];
  readonly id?: string;
  readonly ret?: 'FULL' | 'HDRS';
  readonly envid?: string;
  readonly identity?: IdentityFiles | undefined;
  /** Where the client connects from. */
  readonly localAddress?: string;
}

export interface OutboundRelay {
  readonly relay: Relay;
  readonly spoolPath: string;
  /** Hands a message over as the hub does; the outcomes of its recipients. */
  handOver(content: string, what: HandOver): Promise<readonly Outcome[]>;
  log(): Record<string, unknown>[];
  /** Waits until the spool is empty. */
  drained(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOutboundRelay(
  around: Surroundings,
  outbound: Settings = {},
  more: Settings = {},
): Promise<OutboundRelay> {
  const spoolPath = await mkdtemp(join(tmpdir(), 'postern-outbound-'));
  const logFile = join(spoolPath, 'relay.log');
  const config = relayConfigSchema.parse(relaySettings(around, spoolPath, outbound, more));
  const relay = await startRelay(config, openLog({ name: 'relay', level: 'info', file: logFile }));
  return {
    relay,
    spoolPath,
    handOver: (content, what) => handOver(around.pki, relay.onwardPort ?? 0, content, what),
    log: () => readLog(logFile),
    drained: () =>
      vi.waitFor(() => {
        if (relay.queued > 0) throw new Error(`${relay.queued} messages wait`);
      }, PATIENCE),
    async stop() {
      await relay.close();
      await rm(spoolPath, { recursive: true, force: true });
    },
  };
}

/** A session of the hub: TLS, its certificate, one message. */
export async function handOver(
  pki: TestPki,
  port: number,
  content: string,
  what: HandOver,
): Promise<readonly Outcome[]> {
  const { from = USER1, to, id = newDeliveryId(), ret, envid, localAddress } = what;
  const identity = 'identity' in what ? what.identity : pki.hub;
  const pem = (path: string): string => readFileSync(path, 'utf8');
  const connection = await connectSmtp({
    ...{ host: PRIVATE_LEG, port, protocol: 'smtp', heloName: 'hub.corp.example', localAddress },
    tls:
      identity === undefined
        ? { mode: 'none' }
        : {
            mode: 'starttls',
            ca: pem(pki.ca),
            serverName: 'relay.example',
            cert: pem(identity.cert),
            key: pem(identity.key),
          },
  });
  try {
    const recipients = to.map((one) => (typeof one === 'string' ? { address: one } : one));
    const envelope: Envelope = { reversePath: from, recipients, body: '8BITMIME', smtpUtf8: false, ret, envid };
    return await connection.send(envelope, Buffer.from(content), { deliveryId: id });
  } finally {
    await connection.quit();
  }
}

export function readLog(file: string): Record<string, unknown>[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const whole = text.split('\n').filter((line) => line.endsWith('}'));
  return whole.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A message of user1 with a mark in its subject. */
export function letter(mark: string, ...header: string[]): string {
  const fields = [
    ...header,
    `From: User One <${USER1}>`,
    'To: somebody',
    `Subject: ${mark}`,
    `Message-ID: <${mark}@domain1.example>`,
  ];
  return `${fields.join('\r\n')}\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\nHello ${mark}.\r\n`;
}
