import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { issueCertificate, makeAuthority } from '@postern/infra/pki/authority.ts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type BehindRelay, PRIVATE_LEG, RelayProcess, startBehindRelay, USER1 } from './relay-process.ts';
import { greeted, inData, send } from './relay-session.ts';
import { run, Typist } from './support.ts';

/** The relay as a process of its own: its legs, its signals and its services. */
let behind: BehindRelay;
const WAIT = { timeout: 10_000, interval: 50 };

beforeAll(async () => {
  behind = await startBehindRelay();
});
afterAll(async () => {
  await behind?.close();
});

describe('one process', () => {
  const relay = new RelayProcess();
  const administrator = { cert: '', key: '' };
  const settings = () => ({
    ...behind.settings(relay.folder),
    metrics: { listen: { address: PRIVATE_LEG, port: 0 } },
    admin: {
      listen: { address: PRIVATE_LEG, port: 0 },
      tls: behind.pki.relay,
      clientCa: behind.pki.ca,
      clients: ['relay.example'],
    },
  });

  beforeAll(async () => {
    Object.assign(administrator, pem(behind.pki.relay));
    relay.configure(settings());
    expect(await relay.start()).toBeUndefined();
  });
  afterAll(() => relay.stop());

  const pem = (identity: { cert: string; key: string }) => ({
    cert: readFileSync(identity.cert, 'utf8'),
    key: readFileSync(identity.key, 'utf8'),
  });
  const get = async (path: string): Promise<{ status: number; text: string }> => {
    const response = await fetch(`http://${PRIVATE_LEG}:${relay.ports.metrics}${path}`);
    return { status: response.status, text: await response.text() };
  };
  const admin = (method: string, path: string, identity = administrator): Promise<{ status: number; json: unknown }> =>
    new Promise((resolve, reject) => {
      const options = { host: PRIVATE_LEG, port: relay.ports.admin, method, path, ...identity, agent: false };
      const ca = readFileSync(behind.pki.ca);
      const asked = request({ ...options, ca, servername: 'relay.example' }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) as unknown }));
      });
      asked.on('error', reject);
      asked.end();
    });

  it('reaches the store and the directory from the private leg alone', async () => {
    expect(await send(relay, 'first')).toMatch(/^250 2\.0\.0 /);
    expect([...behind.lmtpClients]).toEqual([PRIVATE_LEG]);
    expect([...behind.ldapClients]).toEqual([PRIVATE_LEG]);
  });

  it.each([
    ['a foreign domain', '<someone@elsewhere.example>', '550 5.7.1'],
    ['percent hack', '<someone%elsewhere.example@domain1.example>', '550 5.1.1'],
    ['percent hack without a domain', '<someone%elsewhere.example>', '501 5.1.3'],
    ['percent hack at an address literal', '<someone%elsewhere.example@[127.0.0.1]>', '550 5.7.1'],
    ['bang path', '<elsewhere.example!someone@domain1.example>', '550 5.1.1'],
    ['bang path alone', '<elsewhere.example!someone>', '501 5.1.3'],
    ['quoted address', '<"someone@elsewhere.example"@domain1.example>', '550 5.1.1'],
    ['quoted percent hack', '<"someone%elsewhere.example"@domain1.example>', '550 5.1.1'],
    ['two domains', '<someone@elsewhere.example@domain1.example>', '501 5.1.3'],
    ['source route by us', '<@domain1.example:someone@elsewhere.example>', '550 5.7.1'],
    ['source route over others', '<@elsewhere.example,@domain1.example:someone@elsewhere.example>', '550 5.7.1'],
    ['our own name', '<someone@mx.example>', '550 5.7.1'],
    ['our address literal', '<user1@[127.0.0.1]>', '550 5.7.1'],
    ['postmaster elsewhere', '<postmaster@elsewhere.example>', '550 5.7.1'],
    ['a subdomain', '<user1@sub.domain1.example>', '550 5.7.1'],
    ['a trailing dot', '<someone@elsewhere.example.>', '501 5.1.3'],
  ])('is no open relay by %s', async (_, path, code) => {
    const peer = await greeted(relay);
    await peer.say(`MAIL FROM:<${USER1}>`);
    expect((await peer.say(`RCPT TO:${path}`)).slice(0, 9)).toBe(code);
    peer.close();
  });

  it('is spoken to by swaks and smtp-source', async () => {
    const server = `127.0.0.1:${relay.address.port}`;
    const swaks = ['--server', server, '-f', 'a@sender.example', '-t', USER1, '--tls', '--pipeline'];
    const sent = await run('swaks', swaks);
    expect(sent.code, sent.output).toBe(0);
    const source = ['-s', '5', '-m', '25', '-f', 'a@sender.example', '-t', USER1, `inet:${server}`];
    const many = await run('/usr/sbin/smtp-source', source);
    expect(many.code, many.output).toBe(0);
  });

  it('tells metrics and health on the private leg', async () => {
    expect(await get('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    const ready = await get('/readyz');
    expect(ready.status).toBe(200);
    expect(JSON.parse(ready.text)).toEqual({ ready: true, workers: 1, queued: 0, store: 'up' });
    const { text } = await get('/metrics');
    expect(text).toMatch(/^postern_mail_events_total\{event="accepted",stage="",code="250"\} 27$/m);
    expect(text).toMatch(/^postern_mail_events_total\{event="refused",stage="rcpt",code="550"\} \d+$/m);
    expect(text).toMatch(/^postern_smtp_sessions \d+$/m);
    expect(text).toMatch(/^postern_store_up 1$/m);
    expect((await get('/queue')).status).toBe(404);
    await expect(fetch(`http://127.0.0.1:${relay.ports.metrics}/metrics`)).rejects.toThrow();
  });

  it('is administered with a certificate that is named, and by nobody else', async () => {
    expect(await admin('GET', '/queue')).toEqual({ status: 200, json: { messages: [], damaged: [] } });
    expect((await admin('POST', `/queue/${'0'.repeat(32)}/retry`)).status).toBe(409);
    expect((await admin('POST', `/queue/${'0'.repeat(32)}/dance`)).status).toBe(404);
    expect((await admin('DELETE', '/queue')).status).toBe(405);
    expect((await admin('GET', '/queue', pem(behind.pki.stranger))).status).toBe(403);
    await expect(admin('GET', '/queue', { cert: '', key: '' })).rejects.toThrow();
    await vi.waitFor(() => expect(relay.logged('admin-refused')).toHaveLength(1), WAIT);
    const traced = await admin('GET', '/trace?q=first@sender.example');
    expect(traced.status).toBe(200);
    const { journeys } = traced.json as { journeys: { to: string[]; lines: { event: string }[] }[] };
    expect(journeys).toHaveLength(1);
    expect(journeys[0]?.lines.map(({ event }) => event)).toEqual(['connected', 'delivered', 'accepted']);
    expect(
      ((await admin('GET', '/trace?q=127.0.0.1')).json as typeof traced & { journeys: [] }).journeys.length,
    ).toBeGreaterThan(20);
  });

  it('reloads settings and certificates on SIGHUP while a session goes on', async () => {
    const old = await inData(relay);
    const authority = await makeAuthority('Another CA');
    const other = await issueCertificate(authority, {
      commonName: 'mx.example',
      names: ['mx.example'],
      uses: ['server'],
    });
    const { cert, key } = behind.pki.public;
    copyFileSync(cert, `${cert}.old`);
    copyFileSync(key, `${key}.old`);
    const reloaded = async (settings_: object, event: string): Promise<Record<string, unknown> | undefined> => {
      const before = relay.logged(event).length;
      relay.configure(settings_);
      relay.signal('SIGHUP');
      await vi.waitFor(() => expect(relay.logged(event).length).toBe(before + 1), WAIT);
      return relay.logged(event).at(-1);
    };
    const issuer = async (): Promise<string | string[] | undefined> => {
      const peer = await greeted(relay);
      await peer.say('STARTTLS');
      peer.socket.removeAllListeners('data');
      const tls = connectTls({ socket: peer.socket, rejectUnauthorized: false });
      await new Promise((resolve) => tls.once('secureConnect', resolve));
      const name = tls.getPeerCertificate().issuer.CN;
      tls.destroy();
      return name;
    };
    const before = await issuer();

    const bad = await reloaded({ ...settings(), hostnme: 'typo' }, 'configuration-not-reloaded');
    expect(JSON.stringify(bad?.errors)).toContain('hostnme: no such setting');
    writeFileSync(cert, 'nonsense');
    const broken = await reloaded(settings(), 'configuration-not-reloaded');
    expect(broken).toMatchObject({ kept: 'the old one', level: 'error' });
    expect(await issuer()).toBe(before);

    writeFileSync(cert, other.cert);
    writeFileSync(key, other.key);
    const changed = { ...settings(), limits: { greetingWaitMs: 0, maxMessageBytes: 5_000 }, workers: 3 };
    expect(await reloaded(changed, 'configuration-reloaded')).toMatchObject({ restartNeeded: ['workers'] });
    expect(await issuer()).toBe('Another CA');
    const peer = await Typist.connect(relay.address);
    await peer.reply();
    expect(await peer.say('EHLO x')).toContain('SIZE 5000');
    peer.close();
    expect(await old.say('Subject: old\r\n\r\nstill here\r\n.')).toMatch(/^250 2\.0\.0 /);
    old.close();
    expect(await send(relay, 'new')).toMatch(/^250 /);
    copyFileSync(`${cert}.old`, cert);
    copyFileSync(`${key}.old`, key);
  });

  it('does not start with a service of the private leg on the public one', async () => {
    const second = new RelayProcess();
    second.configure({ ...settings(), metrics: { listen: { address: '127.0.0.1', port: 0 } } });
    const end = await second.start();
    expect(end?.code).toBe(2);
    expect(end?.output).toMatch(/metrics\.listen\.address: 127\.0\.0\.1 is the public leg, where strangers could read/);
  });

  it('does not start without its certificate', async () => {
    const second = new RelayProcess();
    const tls = { cert: '/nonexistent.pem', key: '/nonexistent.key' };
    second.configure({
      ...settings(),
      spool: { path: `${second.folder}/spool` },
      smtp: { listen: [{ address: '127.0.0.1', port: 0 }], tls },
    });
    expect(await second.start()).toMatchObject({ code: 1, output: expect.stringContaining('/nonexistent.pem') });
  });

  it('does not share its spool', async () => {
    const second = new RelayProcess();
    second.configure({ ...settings(), spool: { path: `${relay.folder}/spool` } });
    const end = await second.start();
    expect(end).toMatchObject({ code: 1, output: expect.stringMatching(/the spool .* is in use by another relay/) });
  });

  it('ends when the lock of its spool is lost', async () => {
    const second = new RelayProcess();
    const spool = `${second.folder}/spool`;
    second.configure({ ...behind.settings(second.folder), spool: { path: spool } });
    expect(await second.start()).toBeUndefined();
    const children = readFileSync(`/proc/${second.pid}/task/${second.pid}/children`, 'utf8').trim().split(' ');
    const holder = children.find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'cat');
    process.kill(Number(holder), 'SIGKILL');
    expect(await second.ended()).toBe(1);
    expect(JSON.stringify(second.logged('fault'))).toContain('the lock of the spool is lost');
    await second.stop();
  });

  it('ends in order: the message in hand is answered, a session that waits is told', async () => {
    behind.storeDelayMs = 300;
    const idle = await greeted(relay);
    const busy = await inData(relay);
    busy.type('Subject: last\r\n\r\nhi\r\n.\r\n');
    // The store has it in hand when it has been told of the recipient and thinks.
    await new Promise((resolve) => setTimeout(resolve, 100));
    relay.signal('SIGTERM');
    expect(await idle.rest()).toMatch(/^421 4\.3\.2 /);
    expect(await busy.rest()).toMatch(/^250 2\.0\.0 [^\r]*\r\n421 4\.3\.2 /);
    expect(await relay.ended()).toBe(0);
    behind.storeDelayMs = 0;
    expect(behind.arrived.at(-1)?.content).toContain('Subject: last');
  });
});
