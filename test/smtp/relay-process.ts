import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Listener, startListener } from '@postern/shared/smtp/listener.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { stringify } from 'yaml';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';

const MAIN = resolve(import.meta.dirname, '../../gateway/relay/main.ts');
/** The legs of the relay under test. */
export const PUBLIC_LEG = '127.0.0.1';
export const PRIVATE_LEG = '127.0.0.2';
export const USER1 = 'user1@domain1.example';

/** What stands behind the relay: a real slapd, seen through a door that notes who comes, and an LMTP service. */
export interface BehindRelay {
  readonly pki: TestPki;
  readonly slapd: Slapd;
  /** Messages that arrived, and the addresses that connections came from. */
  readonly arrived: { readonly to: readonly string[]; readonly content: string }[];
  readonly lmtpClients: Set<string>;
  readonly ldapClients: Set<string>;
  /** How long the store thinks about a message. */
  storeDelayMs: number;
  readonly settings: (folder: string) => Record<string, unknown>;
  close(): Promise<void>;
}

export async function startBehindRelay(): Promise<BehindRelay> {
  const pki = await makeTestPki();
  const slapd = await startSlapd();
  const ldapClients = new Set<string>();
  const door = await openDoor(slapd.port, ldapClients);
  const lmtpClients = new Set<string>();
  const arrived: BehindRelay['arrived'] = [];
  const behind = { storeDelayMs: 0 };
  const pem = (path: string): string => readFileSync(path, 'utf8');
  const store: Listener = await startListener({
    protocol: 'lmtp',
    hostname: 'store.example',
    address: '127.0.0.1',
    port: 0,
    tls: { mode: 'implicit', cert: pem(pki.store.cert), key: pem(pki.store.key), clientCa: pem(pki.ca) },
    handlers: {
      onConnect: (session) => void lmtpClients.add(session.remoteAddress),
      onMail: () => reply(250, '2.1.0', 'ok'),
      onRecipient: () => reply(250, '2.1.5', 'ok'),
      async onData(_, envelope, { content }) {
        if (behind.storeDelayMs > 0) await new Promise((done) => setTimeout(done, behind.storeDelayMs));
        arrived.push({ to: envelope.recipients.map((r) => r.address), content: content.toString() });
        return reply(250, '2.0.0', 'delivered');
      },
    },
    log: silentLog(),
    extraMailParameters: ['XDELIVERYID'],
  });
  return Object.assign(behind, {
    pki,
    slapd,
    arrived,
    lmtpClients,
    ldapClients,
    settings: (folder: string) => ({
      hostname: 'mx.example',
      smtp: { listen: [{ address: PUBLIC_LEG, port: 0 }], tls: pki.public },
      innerAddress: PRIVATE_LEG,
      store: { lmtp: { host: '127.0.0.1', port: store.port, serverName: 'store.example' }, tls: pki.relay, ca: pki.ca },
      directory: {
        urls: [`ldap://127.0.0.1:${(door.address() as AddressInfo).port}`],
        baseDn: slapd.baseDn,
        bindDn: 'cn=relay,dc=myhosting,dc=example',
        bindPassword: 'relay',
        ca: slapd.ca,
        defaultDomain: 'domain1.example',
      },
      spool: { path: join(folder, 'spool') },
      limits: { greetingWaitMs: 0 },
      recipients: { tarpitAfter: 1_000, refuseAfter: 1_000 },
      log: { file: join(folder, 'relay.log') },
    }),
    async close() {
      door.close();
      await store.close(0);
      await slapd.stop();
      pki.remove();
    },
  });
}

/** Passes connections on to slapd, and notes the address that each came from. */
async function openDoor(port: number, clients: Set<string>): Promise<Server> {
  const door = createServer((socket) => {
    clients.add(socket.remoteAddress ?? '');
    const inner = connect(port, '127.0.0.1');
    socket.pipe(inner).pipe(socket);
    for (const each of [socket, inner]) {
      each.on('error', () => undefined);
      each.on('close', () => [socket, inner].map((one) => one.destroy()));
    }
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  return door;
}

/** A relay of its own process, as a site runs it. */
export class RelayProcess {
  readonly folder: string;
  readonly configFile: string;
  #child: ChildProcess | undefined;
  ports: { readonly smtp: readonly number[]; readonly metrics?: number; readonly admin?: number } = { smtp: [] };

  constructor(folder = mkdtempSync(join(tmpdir(), 'postern-relay-'))) {
    this.folder = folder;
    this.configFile = join(folder, 'gateway.yaml');
  }

  configure(settings: object): void {
    writeFileSync(this.configFile, stringify(settings));
  }

  /** Starts it; resolves when it answers, or with the exit code and what it said when it does not. */
  async start(): Promise<{ code: number; output: string } | undefined> {
    const child = fork(MAIN, ['--config', this.configFile], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return await new Promise((done) => {
      child.on('message', (message: { ready?: boolean } & RelayProcess['ports']) => {
        if (message.ready !== true) return;
        this.ports = message;
        done(undefined);
      });
      child.once('exit', (code) => done({ code: code ?? -1, output }));
    });
  }

  get address(): { readonly address: string; readonly port: number } {
    return { address: PUBLIC_LEG, port: this.ports.smtp[0] ?? 0 };
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Waits for the end; the exit code. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  /** Lines of the log with this event. */
  logged(event: string): Record<string, unknown>[] {
    return readFileSync(join(this.folder, 'relay.log'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line.event === event);
  }

  async stop(): Promise<void> {
    this.signal('SIGTERM');
    await this.ended();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
