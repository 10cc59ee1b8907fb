import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Spool } from '@postern/gateway/relay/spool/spool.ts';
import { NAMES } from '@postern/infra/demo/certificates.ts';
import { LEGS } from '@postern/infra/demo/layout.ts';
import { issueCertificate } from '@postern/infra/pki/authority.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type DnsServer, startDns } from '../support/dns.ts';
import { connectImap } from '../support/imap-dialogue.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const ROOT = join(import.meta.dirname, '../..');
const MONITORING = join(ROOT, 'infra/monitoring');
const HOUR_MS = 3_600_000;

let stack: TestStack;
let dns: DnsServer;
let timeServer: Awaited<ReturnType<typeof startTimeServer>>;
let scratch: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'postern-deploy-'));
  [dns, timeServer] = await Promise.all([
    startDns({
      [`A ${NAMES.public}`]: ['192.0.2.25'],
      'PTR 25.2.0.192.in-addr.arpa': [NAMES.public],
      'MX domain1.example': [NAMES.public],
    }),
    startTimeServer(),
  ]);
  stack = await startStack({
    relay: (settings) => ({
      ...settings,
      dns: { servers: [dns.address] },
      metrics: { listen: { address: LEGS.dmz, port: 0 } },
    }),
    store: (settings) => ({ ...settings, metrics: { listen: { address: LEGS.corporate, port: 0 } } }),
    webmail: (settings) => ({ ...settings, metrics: { listen: { address: LEGS.dmz, port: 0 } } }),
    withWebmail: true,
  });
}, 60_000);

afterAll(async () => {
  await stack?.stop();
  await dns?.stop();
  await timeServer?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** A time server whose clock may be wrong. */
async function startTimeServer() {
  let wrongByMs = 0;
  const socket = createSocket('udp4');
  socket.on('message', (_, peer) => {
    const answer = Buffer.alloc(48);
    answer[0] = 0x24;
    const now = Date.now() + wrongByMs;
    answer.writeUInt32BE(Math.floor(now / 1_000) + 2_208_988_800, 40);
    answer.writeUInt32BE(Math.floor(((now % 1_000) / 1_000) * 2 ** 32), 44);
    socket.send(answer, peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    setWrongBy: (ms: number) => {
      wrongByMs = ms;
    },
    stop: () => new Promise<void>((done) => socket.close(() => done())),
  };
}

interface Report {
  readonly code: number;
  readonly healthy: boolean;
  /** `check status`, and what was found. */
  readonly findings: readonly { check: string; subject: string; status: string; found: string; advice?: string }[];
}

const gatewayFile = (): string => join(stack.folder, 'etc', 'gateway.yaml');
const storeFile = (): string => join(stack.folder, 'etc', 'store.yaml');

/** The doctor as an administrator calls it; in a process of its own, beside the event loop that serves DNS and time. */
async function askDoctor(...args: string[]): Promise<Report> {
  const child = spawn(
    process.execPath,
    [
      join(ROOT, 'infra/cli/postern.ts'),
      'doctor',
      '--json',
      '--min-free-mib',
      '1',
      '--time-server',
      timeServer.address,
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...JSON.parse(out) };
}

const webmailFile = (): string => join(stack.folder, 'etc', 'webmail.yaml');

const gateway = (...args: string[]): Promise<Report> => askDoctor('--gateway', gatewayFile(), ...args);
const store = (...args: string[]): Promise<Report> => askDoctor('--store', storeFile(), ...args);
const webmail = (...args: string[]): Promise<Report> => askDoctor('--webmail', webmailFile(), ...args);

/** Checks that found a fault, or that something is amiss. */
const faults = ({ findings }: Report): string[] => [
  ...new Set(findings.filter(({ status }) => status === 'fault').map(({ check }) => check)),
];
const amiss = ({ findings }: Report) => findings.filter(({ status }) => status === 'fault' || status === 'warning');

/** A copy of gateway.yaml with other settings. */
function changedGateway(change: (settings: Record<string, Record<string, unknown>>) => void): string {
  const settings = parse(readFileSync(gatewayFile(), 'utf8'));
  change(settings);
  const file = join(scratch, 'gateway.yaml');
  writeFileSync(file, stringify(settings));
  return file;
}

it('finds a whole installation in order', async () => {
  const report = await askDoctor(
    '--gateway',
    gatewayFile(),
    '--webmail',
    webmailFile(),
    '--store',
    storeFile(),
    '--account',
    'user1@domain1.example',
  );
  expect(amiss(report)).toEqual([]);
  expect(report).toMatchObject({ code: 0, healthy: true });
  const looked = new Set(report.findings.filter(({ status }) => status === 'ok').map(({ check }) => check));
  expect([...looked].sort()).toEqual(
    [
      'certificates',
      'clock',
      'console',
      'database',
      'directory',
      'disk',
      'dns',
      'hub',
      'imap',
      'lmtp',
      'managesieve',
      'pop3',
      'queue',
      'settings',
      'smtp',
      'submission',
      'webmail',
    ].sort(),
  );
  const text = spawnSync(process.execPath, [join(ROOT, 'infra/cli/postern.ts'), 'doctor', '--store', storeFile()], {
    encoding: 'utf8',
  });
  expect(text.stdout).toMatch(/^\[ ok \] settings {5}.*\n\[ ok \] certificates/);
  expect(text.stdout).not.toContain('postern:postern');
});

it('says what is wrong with the names, and what to do', async () => {
  dns.zone.set('MX domain1.example', ['mail.elsewhere.example']);
  dns.zone.set('PTR 25.2.0.192.in-addr.arpa', ['customer-25.provider.example']);
  const strange = await gateway();
  expect(amiss(strange).map(({ check, subject, found }) => `${check} ${subject}: ${found}`)).toEqual([
    `dns ${NAMES.public}: 192.0.2.25 leads back to customer-25.provider.example`,
    'dns domain1.example: its MX is mail.elsewhere.example',
  ]);
  expect(amiss(strange).every(({ advice }) => advice !== undefined)).toBe(true);
  dns.zone.set(`A ${NAMES.public}`, 'servfail');
  expect(faults(await gateway())).toEqual(['dns']);
  dns.zone.set(`A ${NAMES.public}`, ['192.0.2.25']);
  dns.zone.set('MX domain1.example', [NAMES.public]);
  dns.zone.set('PTR 25.2.0.192.in-addr.arpa', [NAMES.public]);
});

it('says what is wrong with certificates, queue, disk, clock and settings', async () => {
  const pki = join(stack.folder, 'pki');
  const authority = { cert: readFileSync(stack.ca, 'utf8'), key: readFileSync(join(pki, 'ca.key'), 'utf8') };
  const old = await issueCertificate(authority, {
    commonName: NAMES.public,
    names: [NAMES.public],
    uses: ['server'],
    days: 30,
    now: new Date(Date.now() - 40 * 24 * HOUR_MS),
  });
  writeFileSync(join(scratch, 'old.pem'), old.cert);
  writeFileSync(join(scratch, 'old.key'), old.key);
  const spool = await Spool.open(join(scratch, 'spool'), true);
  await spool.add(
    'active',
    {
      deliveryId: '0123456789abcdef0123456789abcdef',
      messageId: '<m@sender.example>',
      receivedAt: Date.now() - 5 * HOUR_MS,
      cause: 'store away',
      client: '192.0.2.1',
      reversePath: 'a@sender.example',
      body: '7BIT',
      smtpUtf8: false,
      state: { recipients: [], attempts: 9, nextTryAt: Date.now() },
    },
    [Buffer.from('Subject: x\r\n\r\n')],
  );
  await spool.close();
  const identity = { cert: join(scratch, 'old.pem'), key: join(scratch, 'old.key') };
  const expired = changedGateway((s) => Object.assign(s.smtp ?? {}, { tls: identity }));
  const [found] = amiss(await askDoctor('--gateway', expired));
  expect(found).toMatchObject({
    check: 'certificates',
    status: 'fault',
    found: expect.stringContaining('it expired 10 days ago'),
  });
  const mixed = changedGateway((s) =>
    Object.assign(s.smtp ?? {}, { tls: { ...identity, key: join(pki, 'relay.key') } }),
  );
  expect(amiss(await askDoctor('--gateway', mixed))[0]?.found).toContain('belongs to another certificate');
  const waiting = changedGateway((s) => Object.assign(s.spool ?? {}, { path: join(scratch, 'spool') }));
  const queue = await askDoctor('--gateway', waiting);
  expect(faults(queue)).toEqual(['queue']);
  expect(amiss(queue)[0]?.found).toBe('1 waiting, the oldest for 300 min');
  expect(amiss(await gateway('--min-free-mib', '1000000000'))).toMatchObject([{ check: 'disk', status: 'fault' }]);
  timeServer.setWrongBy(HOUR_MS);
  expect(amiss(await store())).toMatchObject([{ check: 'clock', status: 'fault', found: '3600.0 s behind it' }]);
  timeServer.setWrongBy(0);
  const unknown = changedGateway((s) => Object.assign(s, { hostnam: 'x' }));
  expect(await askDoctor('--gateway', unknown)).toMatchObject({
    code: 1,
    findings: [{ check: 'settings' }, { check: 'clock' }],
  });
});

/** The certificate that IMAPS shows. */
function shownCertificate(): Promise<{ serialNumber: string; validTo: Date }> {
  return new Promise((resolve, reject) => {
    const { host, port } = stack.endpoints.imaps;
    const socket = connect({ host, port, ca: readFileSync(stack.ca), servername: NAMES.store }, () => {
      const { serialNumber, valid_to } = socket.getPeerCertificate();
      socket.destroy();
      resolve({ serialNumber, validTo: new Date(valid_to) });
    });
    socket.once('error', reject);
  });
}

it('renews a certificate before it expires, without a restart and without ending a session', async () => {
  const pki = join(stack.folder, 'pki');
  const authority = { cert: readFileSync(stack.ca, 'utf8'), key: readFileSync(join(pki, 'ca.key'), 'utf8') };
  const names = [NAMES.store, 'localhost', LEGS.corporate];
  const short = await issueCertificate(authority, { commonName: NAMES.store, names, uses: ['server'], days: 10 });
  writeFileSync(join(pki, 'store.pem'), short.cert);
  writeFileSync(join(pki, 'store.key'), short.key);
  const pid = stack.pid('store');
  await stack.kill('store', 'SIGHUP');
  await expect
    .poll(async () => (await shownCertificate()).validTo.getTime() - Date.now())
    .toBeLessThan(11 * 24 * HOUR_MS);
  const session = await connectImap(stack.endpoints.imap.port, { host: stack.endpoints.imap.host });

  const plan = join(scratch, 'certificates.yaml');
  const given = join(scratch, 'given');
  writeFileSync(
    plan,
    stringify({
      certificates: { store: { names, uses: ['server'] } },
      give: [{ folder: given, certificates: ['store'] }],
    }),
  );
  const certificates = (command: string, ...args: string[]) =>
    spawnSync(
      process.execPath,
      [join(ROOT, 'infra/cli/postern.ts'), 'certificates', command, '--plan', plan, '--folder', pki, ...args],
      { encoding: 'utf8' },
    );
  expect(certificates('show')).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/store {8}until .* \((9|10) days\)/),
  });
  const renewed = certificates('renew', '--reload', `kill -HUP ${pid}`);
  expect(renewed.stdout).toMatch(/ca {11}until .*kept\nstore {8}until .*made: it expires on /);
  expect(renewed.status).toBe(0);
  await expect
    .poll(async () => (await shownCertificate()).validTo.getTime() - Date.now())
    .toBeGreaterThan(300 * 24 * HOUR_MS);
  expect(stack.pid('store')).toBe(pid);
  expect(await session.command('NOOP')).toMatch(/^TAG OK/);
  session.close();
  expect(certificates('show').status).toBe(0);
  expect(readFileSync(join(given, 'store.pem'), 'utf8')).toBe(readFileSync(join(pki, 'store.pem'), 'utf8'));
  // Nothing to do: no file changes, and nobody is told.
  expect(certificates('renew', '--reload', 'exit 9').status).toBe(0);
});

/** Serial number of the certificate that a web app shows. */
function serialAt({ host, port }: { readonly host: string; readonly port: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ca: readFileSync(stack.ca), checkServerIdentity: () => undefined }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

it.each(['webmail', 'console'] as const)(
  '%s shows a renewed certificate without a restart',
  async (app) => {
    const pki = join(stack.folder, 'pki');
    const [pair, part] = app === 'webmail' ? (['public', 'webmail'] as const) : (['store', 'store'] as const);
    const authority = { cert: readFileSync(stack.ca, 'utf8'), key: readFileSync(join(pki, 'ca.key'), 'utf8') };
    const before = await serialAt(stack.endpoints[app]);
    const [commonName, names] = [NAMES[pair], [NAMES[pair], 'localhost', LEGS.internet, LEGS.corporate]];
    const renewed = await issueCertificate(authority, { commonName, names, uses: ['server'], days: 300 });
    writeFileSync(join(pki, `${pair}.key`), renewed.key);
    writeFileSync(join(pki, `${pair}.pem`), renewed.cert);
    const pid = stack.pid(part);
    await stack.kill(part, 'SIGHUP');
    await expect.poll(() => serialAt(stack.endpoints[app]), { timeout: 60_000 }).not.toBe(before);
    expect(stack.pid(part)).toBe(pid);
  },
  60_000,
);

/** The port of `metrics` in the newest `ready` line of a log. */
function metricsPort(log: string): number {
  const ready = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"event":"ready"'));
  const { metrics, health } = JSON.parse(ready.at(-1) ?? '{}');
  return metrics ?? health;
}

it('measures what the alerts and the dashboard read', async () => {
  const answers = await Promise.all([
    fetch(`http://${LEGS.dmz}:${metricsPort(stack.logs.relay)}/metrics`),
    fetch(`http://${LEGS.corporate}:${metricsPort(stack.logs.store)}/metrics`),
    fetch(`http://${LEGS.dmz}:${metricsPort(stack.logs.webmail)}/metrics`),
  ]);
  const measured = (await Promise.all(answers.map((answer) => answer.text()))).join('\n');
  expect(measured).toContain('postern_database_up 1');
  expect(measured).toContain('postern_directory_up 1');
  const there = new Set(
    [...measured.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const events = readFileSync(join(ROOT, 'shared/runtime/mail-events.ts'), 'utf8');
  for (const file of ['postern.rules.yaml', 'dashboard.json']) {
    const text = readFileSync(join(MONITORING, file), 'utf8');
    const named = new Set([...text.matchAll(/\bpostern_[a-z0-9_]+\b/g)].map(([name]) => name));
    expect(named.size, file).toBeGreaterThan(5);
    expect(
      [...named].filter((name) => !there.has(name)),
      file,
    ).toEqual([]);
    for (const [, names = ''] of text.matchAll(/event=~?\\?"([a-z|-]+)/g)) {
      for (const name of names.split('|')) expect(events, `${file}: ${name}`).toContain(`'${name}'`);
    }
  }
  expect((await fetch(`http://${LEGS.corporate}:${metricsPort(stack.logs.store)}/readyz`)).status).toBe(200);
  const rules = spawnSync('promtool', ['test', 'rules', join(MONITORING, 'postern.rules.test.yaml')], {
    encoding: 'utf8',
  });
  expect(rules.stdout + rules.stderr).toContain('SUCCESS');
});

it('says which neighbour is away', async () => {
  await stack.kill('directory');
  const blind = await gateway();
  // What the relay was told a moment ago may serve it still.
  expect(faults(blind)).toContain('directory');
  expect(amiss(blind)[0]?.advice).toContain('389');
  await stack.restart('directory');
  await stack.kill('database');
  const empty = await store();
  expect(faults(empty)).toEqual(['database']);
  expect(JSON.stringify(empty)).not.toContain('postern:postern');
  expect((await fetch(`http://${LEGS.corporate}:${metricsPort(stack.logs.store)}/readyz`)).status).toBe(503);
  await stack.kill('store');
  expect(faults(await gateway())).toEqual(['lmtp']);
  expect(faults(await store())).toEqual(['database', 'imap', 'pop3', 'managesieve', 'hub', 'console']);
  // Webmail itself is there, and shows its page; what is behind it is not.
  expect(faults(await webmail())).toEqual(['imap']);
  await stack.kill('relay');
  expect(faults(await gateway())).toEqual(['lmtp', 'smtp', 'submission']);
}, 60_000);
