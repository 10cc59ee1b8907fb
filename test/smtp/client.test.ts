import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { type ClientOptions, connectSmtp, type SmtpConnection } from '@postern/shared/smtp/client.ts';
import { createClientPool } from '@postern/shared/smtp/client-pool.ts';
import type { Envelope } from '@postern/shared/smtp/envelope.ts';
import type { ListenerOptions } from '@postern/shared/smtp/listener.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCertificates, startTestListener } from './support.ts';

let pki: Awaited<ReturnType<typeof makeCertificates>>;
beforeAll(async () => {
  pki = await makeCertificates();
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const NO_TLS = { mode: 'none' } as const;
const CONTENT = Buffer.from('From: a@a.test\r\n\r\n.dot\r\n..\r\nend\r\n');

function envelope(...addresses: string[]): Envelope {
  const recipients = addresses.map((address) => ({ address }));
  return { reversePath: 'a@a.test', recipients, body: '8BITMIME', smtpUtf8: false };
}

function options(port: number, own: Partial<ClientOptions> = {}): ClientOptions {
  return { host: '127.0.0.1', port, protocol: 'smtp', heloName: 'relay.test', tls: NO_TLS, ...own };
}

async function connected(port: number, own?: Partial<ClientOptions>): Promise<SmtpConnection> {
  const connection = await connectSmtp(options(port, own));
  cleanups.push(() => connection.destroy());
  return connection;
}

async function listening(own?: Parameters<typeof startTestListener>[0]) {
  const started = await startTestListener(own);
  cleanups.push(() => started.listener.close(1));
  return started;
}

/** The store's end of the inner hop: LMTP with implicit TLS, a client certificate demanded. */
function lmtpStore(): Partial<ListenerOptions> {
  return {
    protocol: 'lmtp',
    tls: { mode: 'implicit', ...pki.server, clientCa: pki.ca },
    extraMailParameters: ['XDELIVERYID'],
  };
}

function lmtpClient(): Partial<ClientOptions> {
  return { protocol: 'lmtp', tls: { mode: 'implicit', ca: pki.ca, ...pki.client, serverName: 'store.test' } };
}

/** A server that plays a script: to each line of the client that matches, it says the text. `END` closes afterwards. */
async function scripted(turns: readonly (readonly [RegExp, string])[], greeting = '220 scripted\r\n') {
  const writes: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => sockets.delete(socket));
    socket.write(greeting);
    let turn = 0;
    let heard = '';
    socket.on('data', (chunk: Buffer) => {
      writes.push(chunk.toString());
      heard += chunk.toString();
      for (let next = turns[turn]; next?.[0].test(heard); next = turns[++turn]) {
        heard = heard.replace(next[0], '');
        socket.write(next[1].replace('END', ''));
        if (next[1].endsWith('END')) socket.end();
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, writes, sockets };
}

const EHLO = [/(?:EHLO|LHLO) .*\r\n/, '250-scripted\r\n250-PIPELINING\r\n250 SIZE\r\n'] as const;
const kinds = (outcomes: readonly { kind: string }[]) => outcomes.map(({ kind }) => kind);

describe('connectSmtp', () => {
  it('delivers with dots, byte for byte, and says what each recipient was answered', async () => {
    const { listener, received } = await listening();
    const connection = await connected(listener.port);
    const outcomes = await connection.send(envelope('b@b.test', 'no@b.test', 'c@b.test'), CONTENT);
    expect(kinds(outcomes)).toEqual(['delivered', 'failed', 'delivered']);
    expect(outcomes[1]?.reply).toMatchObject({ code: 550, enhanced: '5.1.1', text: 'No such user' });
    expect(received[0]?.content.equals(CONTENT)).toBe(true);
    expect(connection.usable).toBe(true);
  });

  it('carries 25 MB in pieces, random octets between line ends', async () => {
    const { listener, received } = await listening();
    const connection = await connected(listener.port);
    const lines = Array.from({ length: 25_000 }, () => `${randomBytes(500).toString('hex')}\r\n.\r\n`).join('');
    const content = Buffer.from(`Subject: big\r\n\r\n${lines}`);
    async function* pieces() {
      for (let at = 0; at < content.length; at += 100_001) yield content.subarray(at, at + 100_001);
    }
    expect(kinds(await connection.send(envelope('b@b.test'), content))).toEqual(['delivered']);
    expect(kinds(await connection.send(envelope('b@b.test'), pieces(), { size: content.length }))).toEqual([
      'delivered',
    ]);
    expect(received.map((each) => each.content.equals(content))).toEqual([true, true]);
  });

  it('ends a message that lacks its last CRLF', async () => {
    const { listener, received } = await listening();
    const connection = await connected(listener.port);
    await connection.send(envelope('b@b.test'), [Buffer.from('A: b\r\n'), Buffer.from('\r\nno line end')]);
    expect(received[0]?.content.toString()).toBe('A: b\r\n\r\nno line end\r\n');
  });

  it('probes without a delivery, and the connection goes on', async () => {
    const { listener, received } = await listening({ limits: { maxMessageBytes: 1_000 } });
    const connection = await connected(listener.port);
    expect(kinds(await connection.probe('', ['b@b.test', 'no@b.test'], { size: 10 }))).toEqual(['delivered', 'failed']);
    const tooLarge = await connection.probe('', ['b@b.test', 'c@b.test'], { size: 10_000 });
    expect(tooLarge.map((outcome) => outcome.reply.code)).toEqual([552, 552]);
    expect(kinds(await connection.send(envelope('b@b.test'), CONTENT))).toEqual(['delivered']);
    expect(received).toHaveLength(1);
  });

  it('recovers the session after every recipient was refused', async () => {
    const { listener } = await listening();
    const connection = await connected(listener.port);
    expect(kinds(await connection.send(envelope('no@b.test'), CONTENT))).toEqual(['failed']);
    expect(kinds(await connection.send(envelope('b@b.test'), CONTENT))).toEqual(['delivered']);
  });

  it('sends a lone dot to a server that answers 354 without a recipient; one write carries MAIL, RCPT and DATA', async () => {
    const { port, writes } = await scripted([
      EHLO,
      [/MAIL.*DATA\r\n/s, '250 ok\r\n550 5.1.1 no\r\n354 go\r\n'],
      [/^\.\r\n/, '554 5.5.0 nothing\r\n'],
    ]);
    const connection = await connected(port);
    const outcomes = await connection.send(envelope('b@b.test'), CONTENT);
    expect(outcomes[0]).toMatchObject({ kind: 'failed', reply: { code: 550 } });
    expect(writes.slice(1)).toEqual([
      `MAIL FROM:<a@a.test> SIZE=${CONTENT.length}\r\nRCPT TO:<b@b.test>\r\nDATA\r\n`,
      '.\r\n',
    ]);
    expect(connection.usable).toBe(true);
  });

  it('keeps the verdicts that came before an LMTP connection died between final replies', async () => {
    const { port } = await scripted([
      EHLO,
      [/MAIL.*DATA\r\n/s, '250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 ok\r\n250 ok\r\n354 go\r\n'],
      [/\r\n\.\r\n/, '250 2.0.0 one\r\n552 5.2.2 full\r\nEND'],
    ]);
    const connection = await connected(port, { protocol: 'lmtp' });
    const outcomes = await connection.send(envelope('1@b.test', '2@b.test', '3@b.test', '4@b.test'), CONTENT);
    expect(kinds(outcomes)).toEqual(['delivered', 'failed', 'failed', 'deferred']);
    expect(outcomes.map((outcome) => outcome.reply.code)).toEqual([250, 550, 552, 451]);
    expect(connection.usable).toBe(false);
  });

  it('defers when the server is silent after the final dot, within the deadline', async () => {
    const { port } = await scripted([EHLO, [/MAIL.*DATA\r\n/s, '250 ok\r\n250 ok\r\n354 go\r\n']]);
    const connection = await connected(port, { timeouts: { finalReplyMs: 60 } });
    const outcomes = await connection.send(envelope('b@b.test'), CONTENT);
    expect(outcomes).toMatchObject([{ kind: 'deferred', cause: expect.stringContaining('time-out') }]);
  });

  it.each([
    ['a greeting that refuses', [], '554 5.3.2 not today\r\n', /not today/],
    ['no SMTP at all', [], 'SSH-2.0-x\r\n', /not a reply/],
    ['no STARTTLS', [EHLO], undefined, /STARTTLS is demanded/],
  ])('rejects on %s', async (_, turns, greeting, message) => {
    const { port } = await scripted(turns, greeting);
    await expect(connectSmtp(options(port, { tls: { mode: 'starttls' } }))).rejects.toThrow(message);
  });

  it('rejects where nobody listens, and where nobody speaks', async () => {
    const { port, sockets } = await scripted([], '');
    await expect(connectSmtp(options(port, { timeouts: { connectMs: 60 } }))).rejects.toThrow(/time-out/);
    for (const socket of sockets) socket.destroy();
    await expect(connectSmtp(options(1))).rejects.toThrow(/ECONNREFUSED/);
  });

  it('upgrades by STARTTLS with the CA checked', async () => {
    const { listener, received } = await listening({ tls: { mode: 'starttls', ...pki.server } });
    const tls = { mode: 'starttls', ca: pki.ca, serverName: 'store.test' } as const;
    const connection = await connected(listener.port, { tls });
    expect(connection.capabilities.has('STARTTLS')).toBe(false);
    await connection.send(envelope('b@b.test'), CONTENT);
    expect(received).toHaveLength(1);
    const wrongName = { ...tls, serverName: 'other.test' };
    await expect(connectSmtp(options(listener.port, { tls: wrongName }))).rejects.toThrow(/other\.test/);
    await expect(connectSmtp(options(listener.port, { tls: { mode: 'starttls' } }))).rejects.toThrow(/certificate/);
  });
});

describe('the inner hop', () => {
  it('delivers by LMTP with the delivery id, one verdict a recipient, the same address twice included', async () => {
    const peers: (string | undefined)[] = [];
    const { listener, received } = await listening({
      ...lmtpStore(),
      with: {
        onConnect: (session) => void peers.push(session.tls?.peer?.commonName, session.tls?.peer?.dnsNames[0]),
        onData: (session, { recipients, extra }) =>
          recipients.map((_, i) =>
            reply(
              i === 1 ? 452 : 250,
              i === 1 ? '4.2.2' : '2.1.5',
              `${i} ${extra.get('XDELIVERYID')} ${session.withProtocol}`,
            ),
          ),
      },
    });
    const connection = await connected(listener.port, lmtpClient());
    const deliveryId = newDeliveryId();
    const outcomes = await connection.send(envelope('b@b.test', 'b@b.test', 'no@b.test', 'c@b.test'), CONTENT, {
      deliveryId,
    });
    expect(kinds(outcomes)).toEqual(['delivered', 'deferred', 'failed', 'delivered']);
    expect(outcomes[3]?.reply.text).toBe(`2 ${deliveryId} LMTPS`);
    expect(peers).toEqual(['relay.test', 'relay.test']);
    expect(received).toEqual([]);
  });

  it('sends envelope and message in one write where chunks are taken, and waits for nothing in between', async () => {
    const { port, writes } = await scripted([
      [/LHLO .*\r\n/, '250-scripted\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 XDELIVERYID\r\n'],
      [/MAIL.*BDAT \d+ LAST\r\n.*last$/s, '250 ok\r\n550 5.1.1 no\r\n250 ok\r\n250 2.0.0 taken\r\n'],
      [/MAIL.*last$/s, '250 ok\r\n550 5.1.1 no\r\n503 5.5.1 none\r\n'],
      [/^RSET\r\n/, '250 ok\r\n'],
    ]);
    const connection = await connected(port, { protocol: 'lmtp', tls: { mode: 'none' } });
    const message = [Buffer.from('Subject: dots\r\n\r\n'), Buffer.from('.\r\n..\r\nlast')];
    expect(kinds(await connection.send(envelope('no@b.test', 'b@b.test'), message))).toEqual(['failed', 'delivered']);
    expect(writes).toHaveLength(2);
    expect(writes[1]?.endsWith('BDAT 28 LAST\r\nSubject: dots\r\n\r\n.\r\n..\r\nlast')).toBe(true);
    expect(kinds(await connection.send(envelope('no@b.test'), message))).toEqual(['failed']);
    expect(connection.usable).toBe(true);
  });

  it('begins anew with our store after every recipient of a chunk was refused', async () => {
    const { listener, received } = await listening(lmtpStore());
    const connection = await connected(listener.port, lmtpClient());
    for (const [to, kind] of [
      ['no@b.test', 'failed'],
      ['b@b.test', 'delivered'],
    ] as const) {
      expect(kinds(await connection.send(envelope(to), CONTENT, { deliveryId: newDeliveryId() }))).toEqual([kind]);
    }
    expect(received).toHaveLength(1);
  });

  it('refuses a client without a certificate, and one of another CA', async () => {
    const { listener } = await listening(lmtpStore());
    const other = await makeCertificates();
    for (const identity of [{}, other.client]) {
      const tls = { mode: 'implicit', ca: pki.ca, serverName: 'store.test', ...identity } as const;
      await expect(connectSmtp(options(listener.port, { protocol: 'lmtp', tls }))).rejects.toThrow();
    }
    expect(listener.connections).toBe(0);
  });

  it('answers EHLO and HELO with 500 5.5.1', async () => {
    const { listener } = await listening(lmtpStore());
    const tls = lmtpClient().tls ?? NO_TLS;
    await expect(connectSmtp(options(listener.port, { tls }))).rejects.toThrow(/HELO refused: 500 5\.5\.1/);
  });

  it('speaks LMTP and SMTP with smtp-sink of Postfix', async () => {
    for (const protocol of ['lmtp', 'smtp'] as const) {
      const free = createServer().listen(0, '127.0.0.1');
      await once(free, 'listening');
      const { port } = free.address() as AddressInfo;
      free.close();
      await once(free, 'close');
      const sink = spawn('/usr/sbin/smtp-sink', [
        ...(protocol === 'lmtp' ? ['-L'] : []),
        '-u',
        'nobody',
        `inet:127.0.0.1:${port}`,
        '20',
      ]);
      cleanups.push(() => sink.kill());
      const connection = await vi.waitFor(() => connectSmtp(options(port, { protocol })), { timeout: 10_000 });
      const outcomes = await connection.send(envelope('b@b.test', 'c@b.test'), CONTENT);
      expect(kinds(outcomes)).toEqual(['delivered', 'delivered']);
      await connection.quit();
      sink.kill();
    }
  });
});

describe('ClientPool', () => {
  it('keeps connections, and bounds them', async () => {
    let most = 0;
    const { listener, received } = await listening({
      with: {
        onData: async (_, envelope, { content }) => {
          most = Math.max(most, listener.connections);
          received.push({ envelope, content });
          return reply(250, '2.6.0', 'Taken');
        },
      },
    });
    const pool = createClientPool({ client: options(listener.port), maxConnections: 3 });
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => pool.send(envelope('b@b.test'), CONTENT)));
    expect(kinds(outcomes.flat())).toEqual(Array(50).fill('delivered'));
    expect(received).toHaveLength(50);
    expect(most).toBe(3);
    expect(pool.connections).toBe(3);
    await pool.close();
    expect(pool.connections).toBe(0);
  });

  it('tries again on a fresh connection when a kept one has died, and delivers once', async () => {
    const { listener, received } = await listening();
    const pool = createClientPool({ client: options(listener.port), maxConnections: 2 });
    cleanups.push(() => pool.close());
    await pool.send(envelope('b@b.test'), CONTENT);
    await listener.close(1);
    const again = await startTestListener({ port: listener.port });
    cleanups.push(() => again.listener.close(1));
    expect(kinds(await pool.send(envelope('b@b.test'), CONTENT))).toEqual(['delivered']);
    expect([received.length, again.received.length]).toEqual([1, 1]);
  });

  it('does not send again what had left already', async () => {
    const transaction = [
      [/MAIL.*DATA\r\n/s, '250 ok\r\n250 ok\r\n354 go\r\n'],
      [/\r\n\.\r\n/, '250 2.0.0 taken\r\n'],
    ] as const;
    const { port, sockets } = await scripted([EHLO, ...transaction, transaction[0], [/\r\n\.\r\n/, 'END']]);
    const pool = createClientPool({ client: options(port), maxConnections: 2 });
    cleanups.push(() => pool.close());
    expect(kinds(await pool.send(envelope('b@b.test'), CONTENT))).toEqual(['delivered']);
    expect(kinds(await pool.send(envelope('b@b.test'), CONTENT))).toEqual(['deferred']);
    expect(sockets.size).toBe(1);
  });

  it('sends again what had left when nothing was answered and the delivery has an id, and not after an answer', async () => {
    const lhlo = [/LHLO .*\r\n/, '250-scripted\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 XDELIVERYID\r\n'] as const;
    const message = /MAIL.*BDAT.*LAST\r\n.*body\r\n/s;
    const taken = '250 ok\r\n250 ok\r\n250 2.0.0 taken\r\n';
    for (const [answer, kind, connections] of [
      ['END', 'delivered', 2],
      ['250 ok\r\nEND', 'deferred', 1],
    ] as const) {
      const turns = [lhlo, [message, taken], [message, answer]] as const;
      const { port, sockets } = await scripted(turns);
      const client: ClientOptions = { ...options(port), protocol: 'lmtp', tls: { mode: 'none' } };
      const pool = createClientPool({ client, maxConnections: 2 });
      cleanups.push(() => pool.close());
      const send = async () => {
        const body = Buffer.from('Subject: x\r\n\r\nbody\r\n');
        return kinds(await pool.send(envelope('b@b.test'), body, { deliveryId: newDeliveryId() }));
      };
      expect(await send()).toEqual(['delivered']);
      expect(await send()).toEqual([kind]);
      expect(sockets.size).toBe(connections);
    }
  });

  it('defers with 451 4.4.1 while the server is away, and with 4.3.2 when none comes free', async () => {
    const away = createClientPool({ client: options(1), maxConnections: 1 });
    const outcomes = await away.send(envelope('b@b.test', 'c@b.test'), CONTENT);
    expect(outcomes).toMatchObject([
      { kind: 'deferred', reply: { code: 451, enhanced: '4.4.1' }, cause: expect.stringContaining('ECONNREFUSED') },
      { kind: 'deferred' },
    ]);
    expect(away.connections).toBe(0);
    const { port } = await scripted([EHLO]);
    const client = options(port, { timeouts: { commandMs: 300 } });
    const pool = createClientPool({ client, maxConnections: 1, maxWaitMs: 20, maxWaiting: 1 });
    const all = await Promise.all([1, 2, 3].map(() => pool.probe('', ['b@b.test'])));
    expect(all.map(([outcome]) => outcome?.reply.enhanced)).toEqual(['4.4.2', '4.3.2', '4.3.2']);
  });

  it('closes a connection that nobody uses', async () => {
    const { listener } = await listening();
    const pool = createClientPool({ client: options(listener.port), maxConnections: 2, idleTimeoutMs: 20 });
    await pool.probe('', ['b@b.test']);
    expect(pool.connections).toBe(1);
    await expect.poll(() => [pool.connections, listener.connections]).toEqual([0, 0]);
  });
});
