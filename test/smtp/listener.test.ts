import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { Listener, SmtpSession } from '@postern/shared/smtp/listener.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection';
import { SMTPStream } from 'smtp-server/lib/smtp-stream';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificates, run, startTestListener, Typist } from './support.ts';

const open: { close(grace?: number): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close(1)));
});

async function start(...args: Parameters<typeof startTestListener>) {
  const started = await startTestListener(...args);
  open.push(started.listener);
  return started;
}

async function typist(listener: Listener): Promise<Typist> {
  const made = await Typist.connect(listener);
  open.push(made);
  return made;
}

async function greeted(listener: Listener, verb = 'EHLO client.test'): Promise<Typist> {
  const peer = await typist(listener);
  await peer.reply();
  await peer.say(verb);
  return peer;
}

/** A peer past MAIL and RCPT. */
async function inTransaction(listener: Listener, verb?: string): Promise<Typist> {
  const peer = await greeted(listener, verb);
  await peer.say('MAIL FROM:<a@a.test>');
  await peer.say('RCPT TO:<b@b.test>');
  return peer;
}

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

  it.each([
    ['MAIL FROM:<a@a.test> FOO=1', '555 5.5.4'],
    ['MAIL FROM:<a@a.test> SIZE=99999999999', '552 5.3.4'],
    ['MAIL FROM:<a@a.test> SIZE=x', '501 5.5.4'],
    ['MAIL FROM:<a@a.test> SIZE=1 SIZE=1', '501 5.5.4'],
    ['MAIL FROM:<a@a.test> AUTH=<>', '555 5.5.4'],
    ['MAIL FROM:<jörg@a.test>', '553 5.6.7'],
    ['MAIL FROM:<jörg@a.test> SMTPUTF8', '250 2.1.0'],
    ['MAIL FROM:<"a b"@a.test>', '250 2.1.0'],
    ['MAIL FROM:a@a.test', '501 5.1.7'],
    ['MAIL FROM:<a@a.test>SIZE=1', '501 5.5.2'],
    ['MAIL FROM:<> RET=HDRS ENVID=x+2By BODY=8BITMIME', '250 2.1.0'],
    ['RCPT TO:<b@b.test>', '503 5.5.1'],
    ['DATA', '503 5.5.1'],
    ['VRFY postmaster', '252 2.0.0'],
    ['EXPN staff', '502 5.5.1'],
    ['AUTH PLAIN AGEAYg==', '502 5.5.1'],
    ['BDAT 0 LAST', '503 5.5.1'],
    ['WIZ', '500 5.5.1'],
    ['SHELL', '500 5.5.1'],
    ['KILL', '500 5.5.1'],
    ['LHLO x', '500 5.5.1'],
    ['STARTTLS', '502 5.5.1'],
    ['NOOP anything', '250 2.0.0'],
    ['RSET now', '501 5.5.4'],
    ['MAILFROM', '500 5.5.1'],
  ])('answers %s with %s', async (line, code) => {
    const { listener } = await start();
    const peer = await greeted(listener);
    const answer = await peer.say(line);
    expect(answer.startsWith(`${code} `)).toBe(true);
    // RFC 2034 §4: one enhanced status a reply.
    expect(answer.match(/\b[245]\.\d+\.\d+\b/g)).toHaveLength(1);
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

  it.each(['NOOP\n', 'NOOP\rNOOP\r\n', 'NO\0OP\r\n', `NOOP ${'x'.repeat(5_000)}\r\n`])(
    'ends on the line %j',
    async (line) => {
      const { listener } = await start();
      const peer = await greeted(listener);
      peer.type(line);
      expect(await peer.rest()).toMatch(/^500 5\.5\.2 [^\r]*\r\n$/);
    },
  );

  it('refuses NUL, 10,000 headers and too large a message, and the session goes on', async () => {
    const { listener, received } = await start({ limits: { maxMessageBytes: 200_000 } });
    const peer = await greeted(listener);
    for (const [content, code] of [
      ['a\0b\r\n', '550 5.6.0'],
      ['X-A: b\r\n'.repeat(10_000), '552 5.3.4'],
      [`A: b\r\n\r\n${'x'.repeat(300_000)}\r\n`, '552 5.3.4'],
      ['A: b\r\n\r\nfine\r\n', '250 2.6.0'],
    ] as const) {
      await peer.say('MAIL FROM:<a@a.test>');
      await peer.say('RCPT TO:<b@b.test>');
      await peer.say('DATA');
      expect((await peer.say(`${content}.`)).slice(0, 9)).toBe(code);
    }
    expect(received).toHaveLength(1);
  });

  it('refuses the recipient beyond the limit with 452 4.5.3 and delivers to the others', async () => {
    const { listener, received } = await start({ limits: { maxRecipients: 2 } });
    const peer = await inTransaction(listener);
    await peer.say('RCPT TO:<c@b.test>');
    expect(await peer.say('RCPT TO:<d@b.test>')).toMatch(/^452 4\.5\.3 /);
    await peer.say('DATA');
    expect(await peer.say('.')).toMatch(/^250 /);
    expect(received[0]?.envelope.recipients).toHaveLength(2);
  });

  it('answers pipelined commands in order, the message among them', async () => {
    const { listener, received } = await start();
    const peer = await greeted(listener);
    peer.type('MAIL FROM:<a@a.test>\r\nRCPT TO:<no@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n');
    const codes = (await peer.rest()).split('\r\n').map((line) => line.slice(0, 3));
    expect(codes).toEqual(['250', '550', '250', '354', '250', '221', '']);
    expect(received[0]?.content.toString()).toBe('x\r\n');
  });

  it('ends with 421 after 20 errors, and slows down after 10', async () => {
    const { listener, refusals } = await start({ limits: { softErrorDelayMs: 5 } });
    const peer = await greeted(listener);
    const started = performance.now();
    peer.type('NONSENSE\r\n'.repeat(30));
    const heard = await peer.rest();
    expect(heard.match(/^500 /gm)).toHaveLength(20);
    expect(heard).toMatch(/421 4\.7\.0 [^\r]*\r\n$/);
    expect(performance.now() - started).toBeGreaterThan(40);
    expect(refusals).toContain('command: error limit');
  });

  it('does not count our own trouble as the client’s errors, up to a bound', async () => {
    const { listener, refusals } = await start({
      limits: { maxRecipients: 50, softErrorDelayMs: 5 },
      with: { onRecipient: () => reply(451, '4.4.3', 'The directory does not answer') },
    });
    const peer = await greeted(listener);
    await peer.say('MAIL FROM:<a@a.test>');
    peer.type('RCPT TO:<b@b.test>\r\n'.repeat(50));
    for (let n = 0; n < 50; n++) expect(await peer.reply()).toMatch(/^451 4\.4\.3 /);
    expect(await peer.say('NOOP')).toMatch(/^250 /);
    peer.type('RCPT TO:<b@b.test>\r\n'.repeat(30));
    expect(await peer.rest()).toMatch(/421 4\.7\.0 [^\r]*\r\n$/);
    expect(refusals).toContain('rcpt: error limit');
  });

  it('takes 100 junk commands and not many more', async () => {
    const { listener } = await start({ limits: { softErrorDelayMs: 0 } });
    const peer = await greeted(listener);
    peer.type('RSET\r\n'.repeat(200));
    const heard = await peer.rest();
    expect(heard.match(/^250 /gm)?.length).toBeLessThan(125);
    expect(heard).toMatch(/421 4\.7\.0 [^\r]*\r\n$/);
  });

  it('ends a trickle of octets, in a command and in a message', async () => {
    const { listener } = await start({ limits: { idleTimeoutMs: 250 } });
    for (const prepare of [greeted, inTransaction]) {
      const peer = await prepare(listener);
      if (prepare === inTransaction) await peer.say('DATA');
      const trickle = setInterval(() => peer.type('x'), 50);
      try {
        expect(await peer.rest()).toMatch(/^421 4\.4\.2 Too slow\r\n$/);
      } finally {
        clearInterval(trickle);
      }
    }
  });

  it('ends a silent session and one that lasts too long', async () => {
    const { listener } = await start({ limits: { idleTimeoutMs: 100 } });
    expect(await (await greeted(listener)).rest()).toMatch(/^421 4\.4\.2 /);
    const { listener: short } = await start({ limits: { sessionTimeoutMs: 100 } });
    expect(await (await greeted(short)).rest()).toMatch(/^421 4\.4\.2 /);
  });

  it('refuses an early talker where a wait is asked for, and connections beyond the limit', async () => {
    const { listener } = await start({ limits: { greetingWaitMs: 5_000 } });
    const early = await typist(listener);
    early.type('EHLO me\r\n');
    expect(await early.rest()).toMatch(/^554 5\.5\.0 /);
    const { listener: narrow } = await start({ limits: { maxConnections: 1 } });
    await greeted(narrow);
    expect(await (await typist(narrow)).rest()).toMatch(/^421 4\.3\.2 /);
  });

  it('ends an HTTP request before its body is read as commands', async () => {
    const { listener } = await start();
    const peer = await typist(listener);
    await peer.reply();
    peer.type('POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\n');
    expect(await peer.rest()).toMatch(/^421 4\.7\.0 [^\r]*\r\n$/);
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

  it('has one memory budget for all messages, and gives back what it took', async () => {
    const { listener } = await start({ limits: { messageMemoryBytes: 100_000 } });
    const peer = await greeted(listener);
    for (const [bytes, code] of [
      [150_000, '452 4.3.1'],
      [90_000, '250 2.6.0'],
      [90_000, '250 2.6.0'],
    ] as const) {
      await peer.say('MAIL FROM:<a@a.test>');
      await peer.say('RCPT TO:<b@b.test>');
      await peer.say('DATA');
      expect((await peer.say(`\r\n${'x'.repeat(bytes)}\r\n.`)).slice(0, 9)).toBe(code);
    }
  });

  it('takes a message in chunks, byte for byte, pipelined or not', async () => {
    const { listener, received } = await start();
    const peer = await inTransaction(listener);
    peer.type('BDAT 13\r\nSubject: a\r\n\r');
    expect(await peer.reply()).toMatch(/^250 2\.0\.0 13 octets/);
    expect(await peer.say('BDAT 4 LAST\r\n\n.')).toMatch(/^250 2\.6\.0 /);
    peer.type('MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nBDAT 5\r\n.\r\nab');
    peer.type('BDAT 4\r\n\r\nc\rBDAT 0 LAST\r\nQUIT\r\n');
    const codes = (await peer.rest()).split('\r\n').map((line) => line.slice(0, 3));
    expect(codes).toEqual(['250', '250', '250', '250', '550', '221', '']);
    expect(received.map(({ content }) => content.toString())).toEqual(['Subject: a\r\n\r\n.\r\n']);
  });

  it('hears the same when octets come one by one as when they come at once', async () => {
    const { listener, received } = await start();
    const begin = 'MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<no@b.test>\r\n';
    const wire = Buffer.from(
      `EHLO x\r\n${begin}DATA\r\nA: b\r\n\r\n..x\r\n.\r\n${begin}BDAT 4\r\nA: bBDAT 9\r\n\r\n\r\n.\r\n\r\nBDAT 0 LAST\r\nBDAT 2\r\nxyNOOP\r\nQUIT\r\n`,
    );
    const heard: string[] = [];
    for (const step of [wire.length, 1, 2, 7]) {
      const peer = await typist(listener);
      for (let at = 0; at < wire.length; at += step) {
        peer.type(wire.subarray(at, at + step));
        await new Promise((resolve) => setImmediate(resolve));
      }
      heard.push(await peer.rest());
    }
    expect(heard[0]?.match(/^\d{3} /gm)?.join('')).toBe(
      '220 250 250 250 550 354 250 250 250 550 250 250 250 503 250 221 ',
    );
    expect(new Set(heard).size).toBe(1);
    expect(new Set(received.map(({ content }) => content.toString()))).toEqual(
      new Set(['A: b\r\n\r\n.x\r\n', 'A: b\r\n\r\n.\r\n\r\n']),
    );
  });

  it('drops the chunks behind one that failed, and the session goes on', async () => {
    const { listener, received } = await start({ limits: { maxMessageBytes: 20 } });
    const peer = await inTransaction(listener);
    peer.type(`BDAT 15\r\n${'x'.repeat(15)}BDAT 15\r\n${'x'.repeat(15)}BDAT 7 LAST\r\nQUIT\r\nxNOOP\r\n`);
    for (const code of ['250 2.0.0', '552 5.3.4', '503 5.5.1', '250 2.0.0']) {
      expect((await peer.reply()).slice(0, 9)).toBe(code);
    }
    expect(received).toEqual([]);
  });

  it.each([
    ['BDAT', '501 5.5.4'],
    ['BDAT -1', '501 5.5.4'],
    ['BDAT 5 FIRST', '501 5.5.4'],
    ['BDAT 99999999999', '552 5.3.4'],
  ])('ends on %s, since nobody knows what follows', async (line, code) => {
    const { listener } = await start();
    const peer = await inTransaction(listener);
    peer.type(`${line}\r\nRSET\r\n`);
    expect((await peer.rest()).replace(/ [^.]*\r\n$/, '')).toBe(code);
  });

  it('keeps a large message in a file until it is complete, and takes memory in turn', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-spill-'));
    const handled: number[] = [];
    let running = 0;
    const { listener, received } = await start({
      spillFolder: folder,
      limits: { messageMemoryBytes: 3_900_000, spillBytes: 100_000 },
      with: {
        onData: async (_, envelope, { content }) => {
          handled.push(++running);
          await new Promise((resolve) => setImmediate(resolve));
          received.push({ envelope, content });
          running--;
          return reply(250, '2.6.0', 'Taken');
        },
      },
    });
    const body = Array.from({ length: 25_000 }, (_, i) => `${'.'.repeat(i % 150)}${i}\r\n`).join('');
    const lines = `Subject: large\r\n\r\n${body}`;
    const stuffed = lines.replace(/^\./gm, '..');
    const peers = await Promise.all(Array.from({ length: 6 }, () => inTransaction(listener)));
    await Promise.all(
      peers.map(async (peer, i) => {
        if (i % 2 === 0) await peer.say('DATA');
        const answer = peer.say(i % 2 === 0 ? `${stuffed}.` : `BDAT ${lines.length} LAST\r\n${lines.slice(0, -2)}`);
        expect(await answer).toMatch(/^250 2\.6\.0 /);
      }),
    );
    expect(received.map(({ content }) => content.toString() === lines)).toEqual(Array(6).fill(true));
    // Two of 2 MB do not fit into 3.9 MB: they were handled one after the other.
    expect(Math.max(...handled)).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('answers 451 when the file of a large message cannot be written', async () => {
    const { listener, received } = await start({ spillFolder: '/nonexistent/folder', limits: { spillBytes: 10_000 } });
    const peer = await inTransaction(listener);
    await peer.say('DATA');
    expect(await peer.say(`\r\n${'x\r\n'.repeat(10_000)}.`)).toMatch(/^451 4\.3\.0 /);
    expect(received).toEqual([]);
    await peer.say('MAIL FROM:<a@a.test>');
    await peer.say('RCPT TO:<b@b.test>');
    await peer.say('DATA');
    expect(await peer.say('.')).toMatch(/^250 2\.6\.0 /);
  });

  it('lets a client wait once before the greeting', async () => {
    const { listener } = await start({ limits: { greetingWaitMs: 150 } });
    const greetedAfter = async (): Promise<number> => {
      const begun = performance.now();
      const peer = await typist(listener);
      await peer.reply();
      return performance.now() - begun;
    };
    expect(await greetedAfter()).toBeGreaterThan(140);
    expect(await greetedAfter()).toBeLessThan(100);
  });

  it('learns the client from a named proxy, by both versions, and believes nobody else', async () => {
    const seen: string[] = [];
    const own = {
      proxies: ['127.0.0.0/8'],
      with: { onConnect: (s: SmtpSession) => void seen.push(`${s.remoteAddress} ${s.remotePort} ${s.localPort}`) },
    };
    const { listener } = await start(own);
    const header2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000207c63364019c400019', 'hex');
    for (const header of [Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 40000 25\r\n'), header2]) {
      const peer = await typist(listener);
      for (const octet of header) peer.type(Buffer.of(octet));
      await peer.reply();
      expect(await peer.say('EHLO x')).toMatch(/^250/);
    }
    expect(seen).toEqual(['2001:db8::7 40000 25', '192.0.2.7 40000 25']);
    const silent = await typist(listener);
    silent.type('EHLO x\r\n');
    expect(await silent.rest()).toBe('');
    const { listener: other } = await start({ ...own, proxies: ['192.0.2.1'] });
    const liar = await greeted(other, 'PROXY TCP4 192.0.2.9 192.0.2.1 1 25');
    expect(await liar.say('NOOP')).toMatch(/^250/);
    expect(seen.at(-1)).toMatch(/^127\.0\.0\.1 /);
  });

  it('has a limit of connections from one address, which another address does not feel', async () => {
    const { listener } = await start({ proxies: ['127.0.0.1'], limits: { maxConnectionsPerAddress: 2 } });
    const from = async (client: string): Promise<string> => {
      const peer = await typist(listener);
      peer.type(`PROXY TCP4 ${client} 192.0.2.1 40000 25\r\n`);
      return (await peer.reply()).slice(0, 9);
    };
    expect([await from('192.0.2.5'), await from('192.0.2.5')]).toEqual(['220 gatew', '220 gatew']);
    expect([await from('192.0.2.5'), await from('192.0.2.6')]).toEqual(['421 4.7.0', '220 gatew']);
  });

  it('lets the message in hand end when it closes, and tells the others', async () => {
    let finish: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const inHand = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const { listener } = await startTestListener({
      with: {
        onData: () => {
          begun();
          return new Promise((resolve) => {
            finish = () => resolve(reply(250, '2.6.0', 'Taken'));
          });
        },
      },
    });
    const idle = await greeted(listener);
    const busy = await inTransaction(listener);
    await busy.say('DATA');
    busy.type('.\r\n');
    await inHand;
    const closed = listener.close(5_000);
    expect(await idle.rest()).toMatch(/^421 4\.3\.2 /);
    finish();
    expect(await busy.rest()).toMatch(/^250 2\.6\.0 Taken\r\n421 4\.3\.2 /);
    await closed;
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
