import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { constants, createDeflateRaw, createInflateRaw, deflateRawSync } from 'node:zlib';
import { tokenHash } from '@postern/store/sign-in/tokens.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { type ImapBackends, type ImapStore, startImapBackends, startImapStore } from '../support/imap-store.ts';

/** What holds when clients are hostile, slow, many, or the server goes down: each limit, seen from outside. */
describe('robustness of IMAP', () => {
  let backends: ImapBackends;
  const stops: (() => Promise<void>)[] = [];
  const clients: ImapDialogue[] = [];

  beforeAll(async () => {
    backends = await startImapBackends();
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    for (const stop of stops.reverse()) await stop();
    await backends.stop();
  });

  async function start(imap: object): Promise<ImapStore> {
    const store = await startImapStore(imap, backends);
    stops.push(() => store.stop());
    return store;
  }

  async function open(store: ImapStore): Promise<ImapDialogue> {
    const client = await connectImap(store.port);
    clients.push(client);
    return client;
  }

  const timed = async <T>(work: Promise<T>): Promise<[T, number]> => {
    const from = performance.now();
    return [await work, performance.now() - from];
  };

  test('failures slow down their address and their account, and only the account behind a trusted host', async () => {
    const guess = async (client: ImapDialogue): Promise<void> => {
      for (let n = 0; n < 4; n += 1) expect(await client.command('LOGIN user1@domain1.example x')).toMatch(/^TAG NO/);
    };
    const plain = await start({});
    await guess(await open(plain));
    const [answer, waited] = await timed((await open(plain)).command('LOGIN user2@domain1.example user2'));
    expect(answer).toMatch(/^TAG OK/);
    expect(waited).toBeGreaterThan(450);

    const webmail = await start({ trustedAddresses: ['127.0.0.0/8'] });
    await guess(await open(webmail));
    const [, other] = await timed((await open(webmail)).command('LOGIN user2@domain1.example user2'));
    expect(other).toBeLessThan(450);
    const [, same] = await timed((await open(webmail)).command('LOGIN user1@domain1.example user1'));
    expect(same).toBeGreaterThan(450);
  });

  test('an account has so many sessions and no more, and the process too', async () => {
    const store = await start({ maxSessionsPerAccount: 2, maxSessions: 3 });
    await store.signIn('user1@domain1.example');
    await store.signIn('user1@domain1.example');
    await expect(store.signIn('user1@domain1.example')).rejects.toThrow('[LIMIT]');
    const socket = connect(store.port, '127.0.0.1');
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toContain('BYE [LIMIT]');
    socket.destroy();
  });

  test('commands beyond the rate wait, and none is lost', async () => {
    const store = await start({ maxCommandsPerSecond: 20 });
    const client = await store.signIn('user1@domain1.example');
    const [, took] = await timed(
      (async () => {
        client.send(Array.from({ length: 50 }, (_, n) => `n${n} NOOP\r\n`).join(''));
        await client.until(/n49 OK[^\n]*\n/);
      })(),
    );
    expect(took).toBeGreaterThan(1000);
  });

  test('a client that reads nothing is cut off, and costs bounded memory until then', async () => {
    const store = await start({ writeTimeoutMs: 1500 });
    const writer = await store.signIn('user3@domain1.example', 'INBOX');
    const body = `Subject: big\r\n\r\n${'0123456789abcdef'.repeat(65_536)}\r\n`;
    writer.send(`x APPEND INBOX {${body.length}+}\r\n${body}\r\n`);
    await writer.until(/x OK[^\n]*\n/);
    const socket = connect(store.port, '127.0.0.1');
    // It says what it wants, 200 times a megabyte, and never reads.
    socket.pause();
    const closed = once(socket, 'close');
    socket.on('error', () => socket.destroy());
    const fetches = Array.from({ length: 200 }, (_, n) => `f${n} FETCH 1 BODY.PEEK[]\r\n`).join('');
    socket.write(`a LOGIN user3@domain1.example user3\r\nb SELECT INBOX\r\n${fetches}`);
    const before = process.memoryUsage();
    const others = await store.signIn('user2@domain1.example', 'INBOX');
    let most = 0;
    const deadline = performance.now() + 8000;
    while (store.server.sessions > 2 && performance.now() < deadline) {
      expect(await others.command('NOOP')).toMatch(/TAG OK/);
      const now = process.memoryUsage();
      most = Math.max(most, now.external + now.arrayBuffers - before.external - before.arrayBuffers);
    }
    expect(store.server.sessions).toBe(2);
    expect(most).toBeLessThan(96 * 1024 * 1024);
    socket.destroy();
    await closed;
  });

  test('names too long, too deep or with wildcards are refused in words', async () => {
    const client = await (await start({})).signIn('user1@domain1.example');
    expect(await client.command(`CREATE ${'x'.repeat(300)}`)).toMatch(/^TAG NO \[CANNOT\]/);
    expect(await client.command(`CREATE ${Array(60).fill('d').join('/')}`)).toMatch(/^TAG NO \[CANNOT\]/);
    expect(await client.command('CREATE "a*b"')).toMatch(/^TAG NO \[CANNOT\]/);
    expect(await client.command(`CREATE ${'y'.repeat(70_000)}`)).toMatch(/BAD Command line too long/);
  });

  test('sign-in takes so long and no longer; who is idle hears signs of life, then autologout', async () => {
    const store = await start({ loginTimeoutMs: 1000, idleKeepaliveMs: 200, autologoutMs: 1000 });
    const stranger = await open(store);
    const idler = await store.signIn('user1@domain1.example', 'INBOX');
    idler.send('i IDLE\r\n');
    await idler.until(/\+ idling\r\n/);
    await idler.until(/\* OK Still here\r\n\* OK Still here\r\n/);
    expect(await stranger.closed()).toContain('* BYE Sign-in took too long');
    idler.send('DONE\r\n');
    await idler.until(/i OK/);
    expect(await idler.closed()).toContain('* BYE Autologout');
  });

  test('a stop says BYE to the idle and the waiting, and lets a command end', async () => {
    const store = await startImapStore({}, backends);
    const waiting = await store.signIn('user1@domain1.example', 'INBOX');
    const idling = await store.signIn('user1@domain1.example', 'INBOX');
    idling.send('i IDLE\r\n');
    await idling.until(/\+ idling\r\n/);
    const working = await store.signIn('user2@domain1.example', 'INBOX');
    const body = `A: b\r\n\r\n${'x'.repeat(2_000_000)}`;
    working.send(`w APPEND INBOX {${body.length}+}\r\n${body}\r\n`);
    // The first octets were taken: the command is under way or will be.
    await new Promise((resolve) => setImmediate(resolve));
    const stopped = store.server.close();
    const goodbye = /\* BYE \[UNAVAILABLE\] The server is stopping\r\n$/;
    expect(await waiting.closed()).toMatch(goodbye);
    expect(await idling.closed()).toMatch(goodbye);
    expect(await working.closed()).toMatch(goodbye);
    await stopped;
    await store.stop();
  });

  describe('COMPRESS=DEFLATE (RFC 4978)', () => {
    async function compressed(
      store: ImapStore,
    ): Promise<{ socket: Socket; say: (text: string) => void; heard: () => string }> {
      const socket = connect(store.port, '127.0.0.1');
      socket.setEncoding('latin1');
      let plain = '';
      socket.on('data', (text: string) => {
        plain += text;
      });
      socket.write('a LOGIN user4@domain2.example user4\r\n');
      await until(() => plain.includes('a OK'));
      socket.write('b COMPRESS DEFLATE\r\n');
      await until(() => plain.includes('b OK DEFLATE'));
      socket.removeAllListeners('data');
      const inflate = createInflateRaw();
      let text = '';
      inflate.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
      });
      socket.on('data', (chunk: string) => inflate.write(Buffer.from(chunk, 'latin1')));
      socket.on('error', () => socket.destroy());
      const deflate = createDeflateRaw();
      deflate.on('data', (chunk: Buffer) => socket.write(chunk));
      return {
        socket,
        say(line) {
          deflate.write(line);
          deflate.flush(constants.Z_SYNC_FLUSH);
        },
        heard: () => text,
      };
    }

    const until = async (done: () => boolean): Promise<void> => {
      const deadline = performance.now() + 10_000;
      while (!done()) {
        if (performance.now() > deadline) throw new Error('not in time');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };

    test('both ways, with a body larger than every buffer; a second COMPRESS is refused', async () => {
      const store = await start({});
      const { socket, say, heard } = await compressed(store);
      const body = `Subject: z\r\n\r\n${Array.from({ length: 40_000 }, (_, n) => `line ${n}`).join('\r\n')}\r\n`;
      say(`c APPEND INBOX {${body.length}+}\r\n${body}\r\n`);
      say('d SELECT INBOX\r\ne FETCH 1 BODY.PEEK[]\r\nf COMPRESS DEFLATE\r\n');
      await until(() => /\nf NO[^\n]*\n/.test(heard()));
      expect(heard()).toContain(`BODY[] {${body.length}}\r\n${body})`);
      expect(heard()).toContain('f NO [COMPRESSIONACTIVE]');
      socket.destroy();
    });

    test('a packet that expands to gigabytes costs no memory', async () => {
      const store = await start({});
      const { socket } = await compressed(store);
      const bomb = deflateRawSync(Buffer.alloc(256 * 1024 * 1024, 'x'), { level: 9 });
      const before = process.memoryUsage().arrayBuffers;
      const closed = new Promise((resolve) => socket.on('close', resolve));
      for (let n = 0; n < 4; n += 1) socket.write(bomb);
      const other = await store.signIn('user5@domain2.example', 'INBOX');
      for (let n = 0; n < 50; n += 1) expect(await other.command('NOOP')).toMatch(/TAG OK/);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
      socket.destroy();
      await closed;
    });

    test('octets that are no deflate stream end the connection, and no other', async () => {
      const store = await start({});
      const { socket } = await compressed(store);
      const other = await store.signIn('user5@domain2.example');
      const closed = once(socket, 'close');
      socket.write(Buffer.from('ffffffffffff', 'hex'));
      await closed;
      expect(await other.command('NOOP')).toMatch(/TAG OK/);
    });
  });

  describe('tokens (RFC 7628)', () => {
    const secret = 'a-token-of-256-bits-or-so';
    const bearer = (token: string, user = 'user1@domain1.example'): string =>
      Buffer.from(`n,a=${user},\x01auth=Bearer ${token}\x01\x01`).toString('base64');

    test('a trusted host makes one after a sign-in by password, uses it, and revokes it; nobody else can', async () => {
      const store = await start({ trustedPeers: ['mx.example'], tokenRecheckMs: 100 });
      const host = { ca: store.ca, identity: store.pki.public };
      const connectHost = async (options: object = host): Promise<ImapDialogue> => {
        const client = await connectImap(store.tlsPort, options);
        clients.push(client);
        return client;
      };
      const request = (scope: string): string => {
        const value = JSON.stringify({
          sha256: tokenHash(`${secret}-${scope}`).toString('hex'),
          scope,
          lifetimeMs: 60_000,
        });
        return `SETMETADATA "" (/private/vendor/postern/token/${scope} {${value.length}+}\r\n${value})`;
      };
      const first = await connectHost();
      expect(first.greeting).toContain('AUTH=OAUTHBEARER');
      await first.command('LOGIN user1@domain1.example user1');
      expect(await first.command(request('all'))).toMatch(/^TAG OK/);
      expect(await first.command(request('watch'))).toMatch(/^TAG OK/);
      expect(await first.command('GETMETADATA (DEPTH infinity) "" /private/vendor')).toMatch(
        /token\/all "\{\\"certificateName\\":\\"mx.example\\",\\"scope\\":\\"all\\"/,
      );

      // Without the host's certificate neither made nor used.
      const stranger = await connectHost({ ca: store.ca });
      expect(stranger.greeting).not.toContain('OAUTHBEARER');
      stranger.send(`s AUTHENTICATE OAUTHBEARER ${bearer(`${secret}-all`)}\r\n`);
      await stranger.until(/\+ eyJ[^\n]*\n/);
      stranger.send('AQ==\r\n');
      await stranger.until(/s NO \[AUTHENTICATIONFAILED\][^\n]*\n/);
      await stranger.command('LOGIN user1@domain1.example user1');
      expect(await stranger.command(request('all'))).toMatch(/^TAG NO \[NOPERM\]/);

      const second = await connectHost();
      expect(await second.command(`AUTHENTICATE OAUTHBEARER ${bearer(`${secret}-all`)}`)).toMatch(/^TAG OK/);
      expect(await second.command('SELECT INBOX')).toMatch(/TAG OK/);
      // A token makes no other: that asks for the password again.
      expect(await second.command(request('all'))).toMatch(/^TAG NO \[NOPERM\]/);

      const watcher = await connectHost();
      expect(await watcher.command(`AUTHENTICATE OAUTHBEARER ${bearer(`${secret}-watch`)}`)).toMatch(/^TAG OK/);
      expect(await watcher.command('STATUS INBOX (UNSEEN)')).toMatch(/TAG OK/);
      expect(await watcher.command('SELECT INBOX')).toMatch(/^TAG NO \[NOPERM\]/);

      const wrong = await connectHost();
      wrong.send(`s AUTHENTICATE OAUTHBEARER ${bearer(`${secret}-all`, 'user2@domain1.example')}\r\n`);
      await wrong.until(/\+ eyJ[^\n]*\n/);
      wrong.send('*\r\n');
      await wrong.until(/s BAD[^\n]*\n/);

      // Revoked: its session ends within a round of judging.
      expect(await first.command('SETMETADATA "" (/private/vendor/postern/token/all NIL)')).toMatch(/^TAG OK/);
      expect(await second.closed()).toContain('* BYE [EXPIRED]');
    });
  });
});
