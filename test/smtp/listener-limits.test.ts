import type { SmtpSession } from '@postern/shared/smtp/listener.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { describe, expect, it } from 'vitest';
import { greeted, inTransaction, start, typist } from './opened.ts';
import { startTestListener } from './support.ts';

describe('who the listener waits for, and for how long', () => {
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
    const { listener, refusals } = await start({ limits: { idleTimeoutMs: 100 } });
    expect(await (await greeted(listener)).rest()).toMatch(/^421 4\.4\.2 /);
    expect(refusals).toEqual([expect.stringMatching(/^command: /)]);
    const { listener: short } = await start({ limits: { sessionTimeoutMs: 100 } });
    expect(await (await greeted(short)).rest()).toMatch(/^421 4\.4\.2 /);
  });

  it('tells of each refusal, once, with its stage', async () => {
    const { listener, refusals } = await start({ limits: { hardErrors: 100, softErrors: 100 } });
    const peer = await typist(listener);
    await peer.reply();
    const said: string[] = [];
    for (const [stage, line] of [
      ['helo', 'EHLO'],
      ['helo', 'LHLO client.test'],
      ['mail', 'MAIL FROM:<a@a.test>'],
      ['command', 'STARTTLS'],
      ['command', 'STARTTLS now'],
      ['auth', 'AUTH PLAIN AGEAYg=='],
      ['command', 'EXPN staff'],
      ['command', 'VRFY'],
      ['command', 'RSET all'],
      ['command', 'QUIT now'],
      ['command', 'AGEAYg=='],
      ['command', '\xff'],
      ['', 'EHLO client.test'],
      ['rcpt', 'RCPT TO:<b@b.test>'],
      ['data', 'DATA'],
      ['data', 'BDAT 0 LAST'],
      ['', 'MAIL FROM:<a@a.test>'],
      ['mail', 'MAIL FROM:<a@a.test>'],
      ['data', 'DATA now'],
      // What a handler refuses is its own to tell.
      ['', 'RCPT TO:<nobody@b.test>'],
      ['data', 'DATA'],
      ['', 'RCPT TO:<b@b.test>'],
      ['', 'BDAT 0'],
      ['rcpt', 'RCPT TO:<c@b.test>'],
      ['data', 'DATA'],
    ] as const) {
      peer.type(Buffer.from(`${line}\r\n`, 'latin1'));
      const heard = await peer.reply();
      if (stage !== '') said.push(`${stage}: ${heard.trimEnd().replace(/^\d{3} [\d.]+ /, '')}`);
      expect(refusals, line).toEqual(said);
    }
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
