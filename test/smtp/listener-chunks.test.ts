import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reply } from '@postern/shared/smtp/reply.ts';
import { describe, expect, it } from 'vitest';
import { greeted, inTransaction, start, typist } from './opened.ts';

describe('messages in chunks and in files', () => {
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
});
