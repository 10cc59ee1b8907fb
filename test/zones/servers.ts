import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { NAMES } from '@postern/infra/demo/certificates.ts';
import {
  type RelaySettings,
  type StoreSettings,
  type WebmailSettings,
  writeSettings,
} from '@postern/infra/demo/configuration.ts';
import { findDatabaseProgram } from '@postern/infra/demo/private-database.ts';
import { serviceDn } from '@postern/infra/demo/sample-tree.ts';
import { keepCertificates } from '@postern/infra/pki/certificate-folder.ts';
import { giveCertificates } from '@postern/infra/pki/give.ts';
import type { Policy } from '@postern/infra/zones/policy.ts';
import { createConnection } from 'mysql2/promise';
import { startTestDatabase } from '../support/mariadb.ts';
import { startSlapd } from '../support/slapd.ts';
import { type Lab, STRANGERS } from './lab.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** The real servers, each in the namespace of its host, behind that host's rules. */
export interface Servers {
  readonly ca: string;
  readonly relayPid: number;
  readonly webmailPid: number;
  /** Messages that reached the other organisation, as lines of outside-world.ts. */
  readonly mailOutside: readonly { client: string; from: string; to: string[]; content: string }[];
  /** Keys and passwords that the relay must not have. */
  readonly secretsOfOthers: Readonly<Record<string, string>>;
  /** All that belongs to the relay: settings, certificates, spool. */
  readonly relayFolder: string;
  readonly webmailFolder: string;
  readonly logs: { readonly relay: string; readonly store: string };
  /** gateway.yaml and store.yaml as they run. */
  readonly settings: { readonly relay: string; readonly store: string; readonly webmail: string };
  stop(): Promise<void>;
}

/** A password that stands nowhere else. */
export const PASSWORD2 = 'Kuckucksuhr-4711-im-Nebelwald';

/** Starts database, directory, store, relay and webmail, and a mail server of others outside. */
export async function startServers(lab: Lab, policy: Policy): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-zones-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['authority', 'relay', 'store', 'webmail', 'relay/spool']) mkdirSync(at(name), { mode: 0o700 });
  const children: ChildProcess[] = [];
  const address = (host: string, leg: string): string => policy.hosts[host]?.legs[leg]?.addresses[0] ?? '';
  const store = address('store', 'lan');
  const [outsideAddress = ''] = STRANGERS.internet ?? [];

  // Their data is made outside, where nothing is proven; then they start again within.
  const [database, slapd] = await Promise.all([startTestDatabase(), startSlapd()]);
  await slapd.modify(
    `dn: mail=user2@domain1.example,jvd=domain1.example,${slapd.baseDn}\nchangetype: modify\nreplace: userPassword\nuserPassword: ${PASSWORD2}\n`,
  );
  const connection = await createConnection(database.url);
  await connection.query(`RENAME USER 'postern'@'127.0.0.1' TO 'postern'@'${store}'`);
  await connection.end();
  await Promise.all([database.shutdown(), slapd.kill()]);

  const start = (host: string, command: readonly string[], log: string, ipc = false): ChildProcess => {
    const output = openSync(at(log), 'a', 0o600);
    const [program, args] = lab.within(host, command);
    const stdio = ['ignore', output, output, ...(ipc ? (['ipc'] as const) : [])] as const;
    const child = spawn(program, args, { cwd: PROJECT, stdio: [...stdio] });
    closeSync(output);
    children.push(child);
    return child;
  };
  const answers = async (from: string, host: string, port: number, log: string): Promise<void> => {
    const probe = {
      from,
      to: host,
      attempt: { address: address(host, 'lan'), port, transport: 'tcp' },
      flow: '',
    } as const;
    for (let n = 0; n < 100; n += 1) {
      const listening = lab.run(host, ['ss', '-Hltn', `sport = :${port}`]);
      if (listening !== '' && (await lab.probe([probe], 1_000))[0]?.outcome === 'open') return;
      await pause(50);
    }
    throw new Error(`${host} does not answer: ${readFileSync(at(log), 'utf8').slice(-2_000)}`);
  };

  const data = dirname(slapd.ca);
  const url = `ldap://${address('directory', 'lan')}:389`;
  start('directory', ['/usr/sbin/slapd', '-F', join(data, 'slapd.d'), '-h', `${url}/`, '-d', '0'], 'directory.log');
  const databaseFolder = join(dirname(database.socketPath), 'data');
  start(
    'database',
    [
      findDatabaseProgram()?.path ?? 'mariadbd',
      '--no-defaults',
      '--user=root',
      `--datadir=${databaseFolder}`,
      `--bind-address=${address('database', 'lan')}`,
      '--port=3306',
      `--socket=${database.socketPath}`,
      `--pid-file=${at('database.pid')}`,
      '--skip-name-resolve',
      '--innodb-buffer-pool-size=64M',
      '--transaction-isolation=READ-COMMITTED',
      '--character-set-server=utf8mb4',
    ],
    'database.log',
  );

  await keepCertificates(at('authority'), {
    public: { commonName: NAMES.public, names: [NAMES.public], uses: ['server'] },
    relay: { commonName: NAMES.relay, names: [NAMES.relay], uses: ['client'] },
    onward: { commonName: NAMES.relay, names: [NAMES.relay], uses: ['server'] },
    store: { commonName: NAMES.store, names: [NAMES.store], uses: ['server'] },
    hub: { commonName: NAMES.hub, names: [NAMES.hub], uses: ['client'] },
    webmail: { commonName: NAMES.webmail, names: [NAMES.webmail], uses: ['client'] },
  });
  // Each host gets its own keys, and none that of the CA.
  const given = { relay: ['relay', 'public', 'onward'], store: ['store', 'hub'], webmail: ['webmail', 'public'] };
  giveCertificates(at('authority'), {
    give: Object.entries(given).map(([host, certificates]) => ({
      folder: at(`${host}/pki`),
      certificates,
      groupReads: false,
    })),
  });
  const ca = (host: string): string => at(`${host}/pki/ca.pem`);
  const identity = (host: string, name = host) => ({
    cert: at(`${host}/pki/${name}.pem`),
    key: at(`${host}/pki/${name}.key`),
  });
  const directory = (service: 'relay' | 'store', localAddress: string) => ({
    urls: [url],
    baseDn: slapd.baseDn,
    bindDn: serviceDn(service),
    bindPassword: service,
    ca: slapd.ca,
    serverName: 'directory.example',
    localAddress,
    defaultDomain: 'domain1.example',
  });
  const inner = address('relay', 'private');
  const storeSettings: StoreSettings = {
    hostname: NAMES.store,
    tls: identity('store'),
    ca: ca('store'),
    lmtp: { listen: { address: store, port: 24 }, peers: [NAMES.relay] },
    imap: {
      listen: { address: store, port: 143 },
      listenTls: { address: store, port: 993 },
      trustedPeers: [NAMES.webmail],
    },
    hub: {
      submission: { listen: { address: store, port: 587 }, listenTls: { address: store, port: 465 } },
      relay: { host: inner, port: 25, serverName: NAMES.relay, identity: identity('store', 'hub') },
      queue: { pollMs: 100 },
    },
    console: {
      listen: { address: store, port: 443 },
      relay: { url: `https://${inner}:9126`, serverName: NAMES.relay, tls: identity('store', 'hub') },
    },
    database: { url: database.url.replace(/127\.0\.0\.1:\d+/, `${address('database', 'lan')}:3306`) },
    directory: directory('store', store),
  };
  const relaySettings: RelaySettings = {
    hostname: NAMES.public,
    smtp: { listen: [{ address: address('relay', 'public'), port: 25 }], tls: identity('relay', 'public') },
    innerAddress: inner,
    store: { lmtp: { host: store, port: 24, serverName: NAMES.store }, tls: identity('relay'), ca: ca('relay') },
    directory: directory('relay', inner),
    dns: { servers: [outsideAddress], timeoutMs: 1_000, tries: 2 },
    outbound: {
      localAddress: address('relay', 'public'),
      direct: true,
      listen: { address: inner, tls: identity('relay', 'onward'), clientCa: ca('relay'), clients: [NAMES.hub] },
    },
    limits: { greetingWaitMs: 0 },
    admin: {
      ...{ listen: { address: inner, port: 9126 }, tls: identity('relay', 'onward') },
      ...{ clientCa: ca('relay'), clients: [NAMES.hub] },
    },
    spool: { path: at('relay/spool') },
  };
  const webmailSettings: WebmailSettings = {
    publicUrl: `https://${NAMES.public}`,
    listen: [{ address: address('webmail', 'public') }],
    tls: identity('webmail', 'public'),
    innerAddress: address('webmail', 'private'),
    store: { host: store, port: 993, serverName: NAMES.store, tls: identity('webmail'), ca: ca('webmail') },
    sessionKeyFile: at('webmail/session-keys'),
    uploads: { path: at('webmail/uploads') },
  };
  writeSettings(at('webmail/webmail.yaml'), webmailSettings);
  writeSettings(at('store/store.yaml'), storeSettings);
  writeSettings(at('relay/gateway.yaml'), relaySettings);

  await Promise.all([
    answers('store', 'database', 3306, 'database.log'),
    answers('store', 'directory', 389, 'directory.log'),
  ]);
  const mailOutside: Servers['mailOutside'][number][] = [];
  await startOutside(lab, outsideAddress, children, (message) => mailOutside.push(message));
  const startOurs = async (host: string, script: string, settings: string): Promise<number> => {
    const log = `${host}.log`;
    const child = start(host, [process.execPath, join(PROJECT, script), '--config', at(settings)], log, true);
    await new Promise<void>((done, fail) => {
      child.once('message', () => done());
      child.once('exit', () => fail(new Error(`${host} ended: ${readFileSync(at(log), 'utf8').slice(-2_000)}`)));
    });
    return child.pid ?? 0;
  };
  writeFileSync(at('store.log'), '');
  await startOurs('store', 'store/main.ts', 'store/store.yaml');
  const relayPid = await startOurs('relay', 'gateway/relay/main.ts', 'relay/gateway.yaml');
  const webmailPid = await startOurs('webmail', 'gateway/webmail/main.ts', 'webmail/webmail.yaml');
  return {
    ca: at('authority/ca.pem'),
    relayPid,
    webmailPid,
    mailOutside,
    secretsOfOthers: {
      'the password of the database': new URL(database.url).password,
      'the key of the store': keyBody(at('authority/store.key')),
      'the key of the CA': keyBody(at('authority/ca.key')),
      'the key of the directory': keyBody(join(data, 'directory.key')),
    },
    relayFolder: at('relay'),
    webmailFolder: at('webmail'),
    logs: { relay: at('relay.log'), store: at('store.log') },
    settings: { relay: at('relay/gateway.yaml'), store: at('store/store.yaml'), webmail: at('webmail/webmail.yaml') },
    async stop() {
      const ended = children.map((child) =>
        child.exitCode !== null || child.signalCode !== null
          ? undefined
          : new Promise((done) => child.once('exit', done)),
      );
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ended);
      await Promise.all([database.stop(), slapd.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One line of a PEM file that no other file has. */
function keyBody(path: string): string {
  return readFileSync(path, 'utf8').split('\n')[1] ?? '';
}

async function startOutside(
  lab: Lab,
  address: string,
  children: ChildProcess[],
  onMessage: (message: Servers['mailOutside'][number]) => void,
): Promise<void> {
  const [program, args] = lab.within('internet', [
    process.execPath,
    join(import.meta.dirname, 'outside-world.ts'),
    address,
  ]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await new Promise<void>((ready, fail) => {
    child.once('exit', (code) => fail(new Error(`the mail server outside ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') ready();
      else onMessage(JSON.parse(line));
    });
  });
}
