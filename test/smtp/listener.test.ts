import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { reply } from '@postern/shared/smtp/reply.ts';
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection';
import { SMTPStream } from 'smtp-server/lib/smtp-stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { greeted, inTransaction, start, typist } from './opened.ts';
import { makeCertificates, run, startTestListener, Typist } from './support.ts';

let pki: Awaited<ReturnType<typeof makeCertificates>>;
beforeAll(async () => {
  pki = await makeCertificates();
});

describe('the library below', () => {
  it('still has every internal that is overridden or relied on', () => {
    const connection = ['init', 'send', 'close', 'upgrade', '_createParser', '_resetSession', '_onClose', '_onTimeout'];
    for (const name of [...connection, '_setListeners', '_whenWritable', '_onCloseEvent']) {
      expect(SMTPConnection.prototype, name).toHaveProperty(name, expect.any(Function));
    }
    for (const name of ['connect', 'close', 'updateSecureContext', '_onError', '_handleProxy', '_expectsProxyHeader']) {
      expect(SMTPServer.prototype, name).toHaveProperty(name, expect.any(Function));
    }
    for (const name of ['_write', '_flushData']) {
      expect(SMTPStream.prototype, name).toHaveProperty(name, expect.any(Function));
    }
    expect(new SMTPStream()).toMatchObject({ isClosed: false, _dataMode: false });
  });
});

describe('SMTP', () => {
  it('greets at once and announces what it can', async () => {
    const { listener } = await start();
    const peer = await typist(listener);
    const started = performance.now();
    expect(await peer.reply()).toBe('220 gateway.test ESMTP\r\n');
    expect(performance.now() - started).toBeLessThan(90);
    const ehlo = await peer.say('EHLO client.test');
    for (const word of ['PIPELINING', 'SIZE 52428800', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES']) {
      expect(ehlo).toMatch(new RegExp(`^250[- ]${word}\\r$`, 'm'));
    }
    expect(ehlo).not.toContain('STARTTLS');
    expect(ehlo).not.toContain('AUTH');
  });

  it('takes swaks with dots and 8 bits, byte for byte', async () => {
    const { listener, received } = await start();
    const data = 'From: a@a.test\\n\\n.\\n..two\\nümlaut\\n';
    const server = `127.0.0.1:${listener.port}`;
    const swaks = ['--server', server, '-f', 'a@a.test', '-t', 'b@b.test,c@b.test', '--pipeline', '--data', data];
    const { code, output } = await run('swaks', swaks);
    expect(code, output).toBe(0);
    expect(received[0]?.content.toString()).toMatch(/^From: a@a\.test\r\n\r\n\.\r\n\.\.two\r\nümlaut\r\n/);
    expect(received[0]?.envelope.recipients).toHaveLength(2);
  });

  it('serves 20 sessions of smtp-source, kept and new connections', async () => {
    const { listener, received } = await start();
    const source = ['-s', '20', '-m', '200', '-l', '3000', '-f', 'a@a.test', '-t', 'b@b.test'];
    for (const kept of [[], ['-d']]) {
      const { code, output } = await run('/usr/sbin/smtp-source', [
        ...kept,
        ...source,
        `inet:127.0.0.1:${listener.port}`,
      ]);
      expect(code, output).toBe(0);
    }
    expect(received).toHaveLength(400);
  });

  it.each(['MAIL FROM:<a@a.test> SIZE=1', 'MAIL FROM:<a@a.test> BODY=8BITMIME'])(
    'refuses %s after HELO',
    async (line) => {
      const { listener } = await start();
      const peer = await greeted(listener, 'HELO client.test');
      expect(await peer.say(line)).toMatch(/^555 5\.5\.4 /);
    },
  );

  it('keeps recipients apart that differ in case alone, and lower-cases the domain', async () => {
    const { listener, received } = await start();
    const peer = await greeted(listener);
    await peer.say('MAIL FROM:<a@a.test>');
    await peer.say('RCPT TO:<Bob@B.Test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;Bob+40B.Test');
    await peer.say('RCPT TO:<bob@b.test>');
    await peer.say('RCPT TO:<bob@BÜCHER.test>');
    await peer.say('DATA');
    expect(await peer.say('Subject: x\r\n\r\nhi\r\n.')).toMatch(/^250 /);
    expect(received[0]?.envelope.recipients).toEqual([
      { address: 'Bob@b.test', notify: ['FAILURE', 'DELAY'], orcpt: 'rfc822;Bob@B.Test' },
      { address: 'bob@b.test' },
    ]);
  });

  it.each([
    ['a bare LF before the dot', 'x\n.\r\nMAIL FROM:<evil@a.test>\r\n'],
    ['a bare LF after the dot', 'x\r\n.\nMAIL FROM:<evil@a.test>\r\n'],
    ['bare CR around the dot', 'x\r.\rMAIL FROM:<evil@a.test>\r\n'],
    ['a bare LF anywhere', 'x\ny\r\n.\r\nMAIL FROM:<evil@a.test>\r\n'],
  ])('refuses a message with %s, and ends the connection', async (_, wire) => {
    const { listener, received } = await start();
    const peer = await inTransaction(listener);
    await peer.say('DATA');
    peer.type(wire);
    expect(await peer.rest()).toMatch(/^550 5\.6\.0 [^\r]*\r\n$/);
    expect(received).toEqual([]);
  });

  it('answers pipelined commands in order, the message among them', async () => {
    const { listener, received } = await start();
    const peer = await greeted(listener);
    peer.type('MAIL FROM:<a@a.test>\r\nRCPT TO:<no@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n');
    const codes = (await peer.rest()).split('\r\n').map((line) => line.slice(0, 3));
    expect(codes).toEqual(['250', '550', '250', '354', '250', '221', '']);
    expect(received[0]?.content.toString()).toBe('x\r\n');
  });

  it('answers a handler that throws with 451 4.3.0 and goes on', async () => {
    let throws = true;
    const { listener } = await start({
      with: {
        onData: () => {
          if (throws) throw new Error('a fault');
          return reply(250, '2.6.0', 'Taken');
        },
      },
    });
    const peer = await inTransaction(listener);
    await peer.say('DATA');
    expect(await peer.say('.')).toMatch(/^451 4\.3\.0 /);
    throws = false;
    await peer.say('MAIL FROM:<a@a.test>');
    await peer.say('RCPT TO:<b@b.test>');
    await peer.say('DATA');
    expect(await peer.say('.')).toMatch(/^250 2\.6\.0 /);
  });
});

describe('TLS', () => {
  it('does not start without a certificate', async () => {
    await expect(startTestListener({ tls: { mode: 'starttls', cert: '', key: '' } })).rejects.toThrow(/certificate/);
  });

  it('forgets at STARTTLS what was said before, and what was pipelined behind it', async () => {
    const { listener, received } = await start({ tls: { mode: 'starttls', ...pki.server } });
    const peer = await greeted(listener);
    await peer.say('MAIL FROM:<plain@a.test>');
    peer.socket.removeAllListeners('data');
    peer.type('STARTTLS\r\nRSET\r\nEHLO injected\r\n');
    await new Promise<void>((resolve) => peer.socket.once('data', () => resolve()));
    peer.socket.removeAllListeners('data');
    const tls = new Typist(connectTls({ socket: peer.socket, ca: pki.ca, servername: 'store.test' }));
    expect(await tls.say('RCPT TO:<b@b.test>')).toMatch(/^503 5\.5\.1 /);
    expect(await tls.say('MAIL FROM:<a@a.test>')).toMatch(/^503 5\.5\.1 Say EHLO first/);
    expect(await tls.say('EHLO client.test')).not.toContain('STARTTLS');
    expect(await tls.say('STARTTLS')).toMatch(/^503 5\.5\.1 /);
    expect(received).toEqual([]);
    tls.close();
  });

  it.each([
    ['TLSv1', false],
    ['TLSv1.1', false],
    ['TLSv1.2', true],
    ['TLSv1.3', true],
  ] as const)('%s: %s', async (version, spoken) => {
    const { listener } = await start({ tls: { mode: 'starttls', ...pki.server } });
    const peer = await greeted(listener);
    peer.socket.removeAllListeners('data');
    peer.type('STARTTLS\r\n');
    await once(peer.socket, 'data');
    const tls = connectTls({
      ...{ socket: peer.socket, ca: pki.ca, servername: 'store.test' },
      // The client's own guards are off.
      ...{ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' },
    });
    const said = await Promise.race([
      once(tls, 'secureConnect').then(() => tls.getProtocol()),
      once(tls, 'error').then(([error]) => (error as NodeJS.ErrnoException).code),
    ]).catch((error: NodeJS.ErrnoException) => error.code);
    expect(said).toBe(spoken ? version : 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    tls.destroy();
  });

  it('takes a new certificate without a restart, and keeps the old one when the new one is bad', async () => {
    const { listener } = await start({ tls: { mode: 'implicit', ...pki.server } });
    const other = await makeCertificates();
    listener.updateTls({ cert: other.server.cert, key: other.server.key });
    expect(() => listener.updateTls({ cert: 'nonsense', key: 'nonsense' })).toThrow();
    const tls = new Typist(
      connectTls({ host: '127.0.0.1', port: listener.port, ca: other.ca, servername: 'store.test' }),
    );
    expect(await tls.reply()).toMatch(/^220 /);
    tls.close();
  });
});
