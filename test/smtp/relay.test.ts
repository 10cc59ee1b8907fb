import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { issueCertificate, makeAuthority } from '@postern/infra/pki/authority.ts';
import { connectSmtp } from '@postern/shared/smtp/client.ts';
import { replyLine } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type BehindRelay, PRIVATE_LEG, PUBLIC_LEG, RelayProcess, startBehindRelay, USER1 } from './relay-process.ts';
import { run, Typist } from './support.ts';

/** The relay as a process of its own: its legs, its signals, its services and its workers. */
let behind: BehindRelay;
const WAIT = { timeout: 10_000, interval: 50 };

beforeAll(async () => {
  behind = await startBehindRelay();
});
afterAll(async () => {
  await behind?.close();
});

async function greeted(relay: RelayProcess): Promise<Typist> {
  const peer = await Typist.connect(relay.address);
  await peer.reply();
  await peer.say('EHLO client.example');
  return peer;
}

async function inData(relay: RelayProcess): Promise<Typist> {
  const peer = await greeted(relay);
  await peer.say('MAIL FROM:<a@sender.example>');
  expect(await peer.say(`RCPT TO:<${USER1}>`)).toMatch(/^250 /);
  expect(await peer.say('DATA')).toMatch(/^354 /);
  return peer;
}

async function send(relay: RelayProcess, subject: string): Promise<string> {
  const peer = await inData(relay);
  const answer = await peer.say(`Subject: ${subject}\r\nMessage-ID: <${subject}@sender.example>\r\n\r\nhi\r\n.`);
  peer.close();
  return answer;
}

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

describe('several workers', () => {
  it('take mail on one port; one that is killed comes back; they reload and end together', {
    timeout: 60_000,
  }, async () => {
    const relay = new RelayProcess();
    const settings = {
      ...behind.settings(relay.folder),
      workers: 2,
      metrics: { listen: { address: PRIVATE_LEG, port: 0 } },
    };
    relay.configure(settings);
    expect(await relay.start()).toBeUndefined();
    try {
      const before = behind.arrived.length;
      for (let i = 0; i < 6; i++) expect(await send(relay, `w${i}`)).toMatch(/^250 /);
      expect(behind.arrived.length).toBe(before + 6);
      await vi.waitFor(() => expect(relay.logged('accepted')).toHaveLength(6), WAIT);
      const pids = [...new Set(relay.logged('accepted').map(({ pid }) => Number(pid)))];
      expect(pids).toHaveLength(2);
      expect(pids).not.toContain(relay.pid);
      const metrics = async (): Promise<string> =>
        await (await fetch(`http://${PRIVATE_LEG}:${relay.ports.metrics}/metrics`)).text();
      expect(await metrics()).toMatch(/^postern_mail_events_total\{event="accepted",stage="",code="250"\} 6$/m);

      process.kill(pids[0] ?? 0, 'SIGKILL');
      await vi.waitFor(
        async () => {
          const ready = await fetch(`http://${PRIVATE_LEG}:${relay.ports.metrics}/readyz`);
          expect(await ready.json()).toMatchObject({ workers: 2 });
          expect(relay.logged('worker-died')).toHaveLength(1);
        },
        { ...WAIT, timeout: 20_000 },
      );
      expect(await send(relay, 'after')).toMatch(/^250 /);

      relay.configure({ ...settings, limits: { greetingWaitMs: 0, maxMessageBytes: 5_000 } });
      relay.signal('SIGHUP');
      await vi.waitFor(() => expect(relay.logged('worker-reloaded')).toHaveLength(2), WAIT);
      for (let i = 0; i < 2; i++) {
        const peer = await Typist.connect(relay.address);
        await peer.reply();
        expect(await peer.say('EHLO x')).toContain('SIZE 5000');
        peer.close();
      }
      relay.signal('SIGTERM');
      expect(await relay.ended()).toBe(0);
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
    } finally {
      await relay.stop();
    }
  });

  it('count as one: rates, guesses, the greylist, and addresses that are known while the directory is away', {
    timeout: 60_000,
  }, async () => {
    const relay = new RelayProcess();
    const base = behind.settings(relay.folder);
    const settings = {
      ...base,
      workers: 2,
      directory: { ...(base.directory as object), timeoutMs: 500, foundTtlMs: 0, notFoundTtlMs: 0 },
      recipients: { tarpitAfter: 1_000, refuseAfter: 4, forgetMs: 600_000 },
      policy: { trustedNetworks: [], helo: { enabled: false }, rates: { address: { count: 6, perMs: 3_600_000 } } },
      authentication: { enabled: false },
    };
    /** One session for each question, in turn with one worker and the other. */
    const rcpt = async (from: string, to: string): Promise<string> => {
      const peer = await connectSmtp({
        ...{ host: PUBLIC_LEG, port: relay.ports.smtp[0] ?? 0, localAddress: from },
        ...{ protocol: 'smtp', heloName: 'mail.sender.example', tls: { mode: 'none' } },
      });
      const [outcome] = await peer.probe('a@sender.example', [to]);
      await peer.quit();
      return outcome === undefined ? '' : replyLine(outcome.reply).slice(0, 9);
    };
    const inTurn = async (times: number, ask: (n: number) => Promise<string>): Promise<string[]> => {
      const answers: string[] = [];
      for (let n = 0; n < times; n++) answers.push(await ask(n));
      return answers;
    };
    relay.configure(settings);
    expect(await relay.start()).toBeUndefined();
    try {
      // Nine messages of one address where six are allowed: exactly six, though neither worker met as many.
      expect(await inTurn(9, () => rcpt('127.0.3.1', USER1))).toEqual([
        ...new Array(6).fill('250 2.1.5'),
        ...new Array(3).fill('450 4.7.1'),
      ]);
      // Four guesses are looked up, whichever worker hears them.
      expect(await inTurn(6, (n) => rcpt('127.0.3.2', `guess${n}@domain1.example`))).toEqual([
        ...new Array(4).fill('550 5.1.1'),
        ...new Array(2).fill('450 4.7.1'),
      ]);
      const reload = async (policy: object): Promise<void> => {
        const before = relay.logged('worker-reloaded').length;
        relay.configure({ ...settings, policy: { ...settings.policy, rates: {}, ...policy } });
        relay.signal('SIGHUP');
        await vi.waitFor(() => expect(relay.logged('worker-reloaded')).toHaveLength(before + 2), WAIT);
      };
      // Who tried at one worker comes back to the other.
      await reload({ greylisting: { enabled: true, delayMs: 1_000 } });
      expect(await inTurn(2, () => rcpt('127.0.4.1', USER1))).toEqual(['450 4.7.1', '450 4.7.1']);
      await vi.waitFor(async () => expect(await rcpt('127.0.4.1', USER1)).toBe('250 2.1.5'), WAIT);
      expect(await inTurn(3, () => rcpt('127.0.4.1', USER1))).toEqual(new Array(3).fill('250 2.1.5'));
      // A reload forgives no guess.
      await reload({});
      expect(await inTurn(2, () => rcpt('127.0.3.2', USER1))).toEqual(['450 4.7.1', '450 4.7.1']);
      // One worker alone heard of user2; the directory goes away; both know the address.
      expect(await rcpt('127.0.5.1', 'user2@domain1.example')).toBe('250 2.1.5');
      behind.slapd.pause();
      try {
        expect(await inTurn(4, (n) => rcpt(`127.0.5.${n + 2}`, 'user2@domain1.example'))).toEqual(
          new Array(4).fill('250 2.1.5'),
        );
        expect(await inTurn(2, (n) => rcpt(`127.0.5.${n + 20}`, 'user3@domain1.example'))).toEqual(
          new Array(2).fill('451 4.4.3'),
        );
      } finally {
        behind.slapd.resume();
      }
      expect(relay.logged('memory-not-answered')).toEqual([]);
      expect(new Set(relay.logged('connected').map(({ pid }) => pid)).size).toBe(2);
    } finally {
      await relay.stop();
    }
  });

  it('have so many sessions together as are allowed, in total and from one address; those of a worker that dies are free', async () => {
    const relay = new RelayProcess();
    const limits = { greetingWaitMs: 0, maxConnections: 8, maxConnectionsPerAddress: 5 };
    relay.configure({ ...behind.settings(relay.folder), workers: 2, limits });
    expect(await relay.start()).toBeUndefined();
    const open = new Set<Socket>();
    const greeting = async (localAddress: string): Promise<string> => {
      const socket = connect({ host: PUBLIC_LEG, port: relay.ports.smtp[0] ?? 0, localAddress });
      open.add(socket);
      const words = new Promise<string>((heard) => {
        socket.once('data', (data) => heard(data.toString().slice(0, 9)));
        socket.on('error', () => heard(''));
        socket.once('close', () => {
          open.delete(socket);
          heard('');
        });
      });
      return await words;
    };
    /** Tries more often than there is room for: who was told to go is counted until the connection has closed. */
    const refusals = async (from: string): Promise<string[]> => {
      const words: string[] = [];
      for (let n = 0; n < 12; n++) words.push(await greeting(from));
      return words.filter((word) => !word.startsWith('220 '));
    };
    const sessionsOf = (from: string): number => [...open].filter((one) => one.localAddress === from).length;
    try {
      expect(await refusals('127.0.6.1')).toContain('421 4.7.0');
      await vi.waitFor(() => expect(sessionsOf('127.0.6.1')).toBe(5), WAIT);
      expect(await refusals('127.0.6.2')).toContain('421 4.3.2');
      await vi.waitFor(() => expect(sessionsOf('127.0.6.2')).toBe(3), WAIT);
      const pids = [...new Set(relay.logged('connected').map(({ pid }) => Number(pid)))];
      expect(pids).toHaveLength(2);
      process.kill(pids[0] ?? 0, 'SIGKILL');
      await vi.waitFor(() => expect(sessionsOf('127.0.6.1')).toBeLessThan(5), WAIT);
      await vi.waitFor(() => expect(relay.logged('worker-died')).toHaveLength(1), WAIT);
      expect(await refusals('127.0.6.1')).not.toEqual([]);
      await vi.waitFor(() => expect(sessionsOf('127.0.6.1')).toBe(5), WAIT);
    } finally {
      for (const socket of open) socket.destroy();
      await relay.stop();
    }
  });
});
