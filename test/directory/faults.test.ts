import { execFileSync } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import type { Directory } from '@postern/shared/directory/directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import type { DirectorySettings } from '@postern/shared/directory/settings.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { sampleSettings } from './settings.ts';

const TIMEOUT_MS = 600;
const ADDRESS = 'user1@domain1.example';
const SIGN_IN = { user: ADDRESS, password: 'user1', service: 'imap' } as const;

/** "I don't know" is never "no such user" (invariant 4), and the directory that returns is heard again. */
describe('a directory in trouble', () => {
  let slapd: Slapd;
  let otherPki: TestPki;
  const opened: Directory[] = [];

  const open = (more: Partial<DirectorySettings> = {}): Directory => {
    const settings = { ...sampleSettings(slapd.url, slapd.ca, { timeoutMs: TIMEOUT_MS }), ...more };
    const directory = openLdapDirectory(settings, silentLog());
    opened.push(directory);
    return directory;
  };

  beforeAll(async () => {
    slapd = await startSlapd();
    otherPki = await makeTestPki();
  });
  afterEach(async () => {
    for (const directory of opened.splice(0)) await directory.close();
  });
  afterAll(async () => {
    await slapd?.stop();
    otherPki?.remove();
  });

  test('killed and restarted, three times: unknown while it is away, then answers again', async () => {
    const directory = open();
    for (let round = 0; round < 3; round += 1) {
      expect((await directory.lookUp(ADDRESS)).kind).toBe('account');
      expect((await directory.signIn(SIGN_IN)).kind).toBe('granted');
      await slapd.kill();
      for (const address of [ADDRESS, 'nobody@domain1.example']) {
        expect((await timed(() => directory.lookUp(address))).kind).toBe('unknown');
      }
      expect((await timed(() => directory.signIn(SIGN_IN))).kind).toBe('unknown');
      expect(await directory.check()).toMatchObject({ ok: false });
      await slapd.restart();
      await eventually(async () => (await directory.lookUp(ADDRESS)).kind === 'account');
      await eventually(async () => (await directory.signIn(SIGN_IN)).kind === 'granted');
    }
  });

  test('killed under eight busy callers: every answer is right or unknown, none is a refusal, and it recovers', async () => {
    const directory = open();
    const seen = new Set<string>();
    let going = true;
    const callers = Array.from({ length: 8 }, async () => {
      while (going) {
        seen.add((await directory.lookUp(ADDRESS)).kind);
        await new Promise((next) => setImmediate(next));
      }
    });
    await eventually(async () => seen.has('account'));
    await slapd.kill();
    await eventually(async () => seen.has('unknown'));
    await slapd.restart();
    await eventually(async () => (await directory.lookUp(ADDRESS)).kind === 'account');
    going = false;
    await Promise.all(callers);
    expect([...seen].sort()).toEqual(['account', 'unknown']);
  });

  test('stopped in its tracks (SIGSTOP): unknown within the deadline, and heard again after SIGCONT', async () => {
    const directory = open();
    expect((await directory.lookUp(ADDRESS)).kind).toBe('account');
    expect((await directory.signIn(SIGN_IN)).kind).toBe('granted');
    slapd.pause();
    try {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          timed(() => directory.lookUp(i % 2 === 0 ? ADDRESS : 'no@domain1.example')),
        ),
      );
      expect(answers.every((answer) => answer.kind === 'unknown')).toBe(true);
      expect((await timed(() => directory.signIn(SIGN_IN), 2 * TIMEOUT_MS)).kind).toBe('unknown');
    } finally {
      slapd.resume();
    }
    await eventually(async () => (await directory.lookUp(ADDRESS)).kind === 'account');
    await eventually(async () => (await directory.signIn(SIGN_IN)).kind === 'granted');
  });

  test('no socket is left behind after faults, nor after close', async () => {
    const directory = open();
    await Promise.all(Array.from({ length: 50 }, () => directory.lookUp(ADDRESS)));
    await Promise.all(Array.from({ length: 20 }, () => directory.signIn({ ...SIGN_IN, password: 'wrong' })));
    await slapd.restart();
    await eventually(async () => (await directory.lookUp(ADDRESS)).kind === 'account');
    const most = 2 * sampleSettings(slapd.url, slapd.ca).connections;
    expect(socketsTo(slapd.port)).toBeLessThanOrEqual(most);
    await directory.close();
    await eventually(async () => socketsTo(slapd.port) === 0);
  });

  test('a certificate of another CA, or for another name, is refused: nothing is asked in plain text', async () => {
    expect((await open({ ca: otherPki.ca }).lookUp(ADDRESS)).kind).toBe('unknown');
    expect((await open({ ca: otherPki.ca }).signIn(SIGN_IN)).kind).toBe('unknown');
    expect((await open({ serverName: 'elsewhere.example' }).lookUp(ADDRESS)).kind).toBe('unknown');
    expect((await open({ serverName: 'directory.example' }).lookUp(ADDRESS)).kind).toBe('account');
  });

  test('a server without StartTLS gets no bind', async () => {
    // Answers every request with an extended response of protocolError (RFC 4511 §4.12), message id 1.
    const answer = Buffer.from('300c02010178070a010204000400', 'hex');
    const heard: Buffer[] = [];
    const plain = await listen((socket) => {
      socket.on('data', (chunk) => {
        heard.push(chunk);
        socket.write(answer);
      });
    });
    const directory = open({ urls: [urlOf(plain)] });
    expect((await directory.lookUp(ADDRESS)).kind).toBe('unknown');
    await directory.close();
    await close(plain);
    expect(heard.length).toBeGreaterThan(0);
    expect(Buffer.concat(heard).includes('cn=relay')).toBe(false);
  });

  test.each([
    ['hangs up at once', (socket: Socket) => socket.destroy()],
    ['says nothing', () => undefined],
    ['talks nonsense', (socket: Socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['sends endless bytes', (socket: Socket) => socket.write(Buffer.alloc(200_000, 0x30))],
  ])('a server that %s is unknown within the deadline', async (_, behave) => {
    const server = await listen(behave);
    const directory = open({ urls: [urlOf(server)] });
    expect((await timed(() => directory.lookUp(ADDRESS))).kind).toBe('unknown');
    await directory.close();
    await close(server);
  });

  test('the second server answers while the first is away', async () => {
    const dead = await listen((socket) => socket.destroy());
    const directory = open({ urls: [urlOf(dead), slapd.url] });
    expect((await directory.lookUp(ADDRESS)).kind).toBe('account');
    await close(dead);
  });

  test('connections leave from the address of the private leg', async () => {
    const from: (string | undefined)[] = [];
    const server = await listen((socket) => {
      from.push(socket.remoteAddress);
      socket.destroy();
    });
    await open({ urls: [urlOf(server)], localAddress: '127.0.0.2' }).lookUp(ADDRESS);
    await open({ urls: [urlOf(server).replace('ldap:', 'ldaps:')], localAddress: '127.0.0.2' }).lookUp(ADDRESS);
    await close(server);
    expect([...new Set(from)]).toEqual(['127.0.0.2']);
    expect(from.length).toBeGreaterThanOrEqual(2);
    const directory = open({ localAddress: '127.0.0.2' });
    expect((await directory.lookUp(ADDRESS)).kind).toBe('account');
  });

  test('an entry below another domain does not take an address over, and what changes is seen', async () => {
    const base = slapd.baseDn;
    await slapd.modify(
      `dn: mail=user5@domain2.example,jvd=domain1.example,${base}\nchangetype: add\nobjectClass: JammMailAccount\n` +
        'mail: user5@domain2.example\naccountActive: TRUE\nuserPassword: stolen\n\n' +
        `dn: mail=user2@domain1.example,jvd=domain1.example,${base}\nchangetype: modify\nreplace: accountActive\n` +
        'accountActive: FALSE\n\n',
    );
    const directory = open();
    const answer = await directory.lookUp('user5@domain2.example');
    expect(answer).toMatchObject({ kind: 'account', account: { dn: expect.stringContaining('jvd=domain2.example') } });
    const signIn = await directory.signIn({ user: 'user5@domain2.example', password: 'stolen', service: 'imap' });
    expect(signIn).toEqual({ kind: 'refused', why: 'bad-credentials' });
    expect(await directory.lookUp('user2@domain1.example')).toEqual({ kind: 'refused', why: 'account-inactive' });
  });

  test('the refusals of a sign-in take about the same time', async () => {
    const directory = open();
    const cases = [
      { user: ADDRESS, password: 'wrong', service: 'imap' },
      { user: 'nobody@domain1.example', password: 'wrong', service: 'imap' },
      { user: 'nobody@nowhere.example', password: 'wrong', service: 'imap' },
      { user: 'suspended@domain1.example', password: 'suspended', service: 'imap' },
      { user: 'poponly@domain1.example', password: 'poponly', service: 'imap' },
    ] as const;
    const times = cases.map((): number[] => []);
    // In turns, so that a machine that gets busy is busy for all of them.
    for (let round = 0; round < 40; round += 1) {
      for (const [index, request] of cases.entries()) {
        const start = performance.now();
        expect((await directory.signIn(request)).kind).toBe('refused');
        times[index]?.push(performance.now() - start);
      }
    }
    const medians = times.map((list) => list.sort((a, b) => a - b)[20] ?? 0);
    // Each is one search and one bind; what differs is below the noise of a network.
    const [quickest, slowest] = [Math.min(...medians), Math.max(...medians)];
    expect(slowest - quickest).toBeLessThan(Math.max(10, quickest));
  });
});

/** Runs a question and says whether it kept its deadline, with some room for a busy machine. */
async function timed<T>(ask: () => Promise<T>, limitMs = TIMEOUT_MS): Promise<T> {
  const start = performance.now();
  const answer = await ask();
  expect(performance.now() - start).toBeLessThan(limitMs + 1_500);
  return answer;
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it did not come about within 10 s');
    await new Promise((next) => setTimeout(next, 10));
  }
}

/** Established connections of this process to a port, as the kernel lists them. */
function socketsTo(port: number): number {
  const text = execFileSync('cat', ['/proc/net/tcp'], { encoding: 'utf8' });
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const ESTABLISHED = '01';
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2]?.endsWith(remote) && fields[3] === ESTABLISHED).length;
}

async function listen(onConnection: (socket: Socket) => unknown): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    // Read, so that the end of the connection is seen: close() waits until the client has hung up.
    socket.resume();
    onConnection(socket);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return `ldap://127.0.0.1:${address.port}`;
}

function close(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}
