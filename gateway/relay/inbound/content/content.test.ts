import { reply } from '@postern/shared/smtp/reply.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachmentsOf } from './attachment-search.ts';
import { decideAttachments, wildcard } from './attachments.ts';
import { decideClamav } from './clamav.ts';
import { parseClamdAnswer } from './clamd-session.ts';
import { fileKinds } from './file-kind.ts';
import { decideRspamd, parseRspamdAnswer } from './rspamd.ts';
import { contentSettings } from './settings.ts';
import { Turns } from './turns.ts';
import { zipEntries } from './zip-names.ts';

/** A zip archive with these names and no content. */
function zip(names: readonly string[], encrypted = false): Buffer {
  const local = Buffer.from('PK\x03\x04', 'latin1');
  const entries = names.map((name) => {
    const head = Buffer.alloc(46);
    head.write('PK\x01\x02', 'latin1');
    head.writeUInt16LE(encrypted ? 1 : 0, 8);
    head.writeUInt16LE(Buffer.byteLength(name), 28);
    return Buffer.concat([head, Buffer.from(name)]);
  });
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt32LE(Buffer.concat(entries).length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, ...entries, end]);
}

describe('clamd', () => {
  it.each([
    ['1: stream: OK', { kind: 'clean' }],
    ['27: stream: Win.Test.EICAR_HDB-1 FOUND', { kind: 'virus', name: 'Win.Test.EICAR_HDB-1' }],
    ['INSTREAM size limit exceeded. ERROR', { kind: 'unavailable', cause: 'INSTREAM size limit exceeded. ERROR' }],
    ['', { kind: 'unavailable', cause: 'no answer' }],
  ])('%j', (line, expected) => {
    expect(parseClamdAnswer(line)).toEqual(expected);
  });

  it('decides as configured, and never takes silence for clean', () => {
    const settings = { onVirus: 'junk', onUnavailable: 'tempfail' } as const;
    expect(decideClamav({ kind: 'virus', name: 'X' }, settings).verdict.kind).toBe('junk');
    expect(decideClamav({ kind: 'virus', name: 'X' }, { ...settings, onVirus: 'reject' }).verdict).toMatchObject({
      reply: reply(554, '5.7.1', 'The message contains a virus'),
    });
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { verdict } = decideClamav(parseClamdAnswer(text), settings);
        expect(verdict.kind).toBe('tempfail');
      }),
    );
  });
});

describe('rspamd', () => {
  const settings = { onSpam: 'reject', onUnavailable: 'tempfail' } as const;
  it.each([
    ['reject', 'reject'],
    ['soft reject', 'tempfail'],
    ['greylist', 'tempfail'],
    ['add header', 'junk'],
    ['rewrite subject', 'junk'],
    ['no action', 'accept'],
  ])('%s', (action, expected) => {
    const answer = parseRspamdAnswer(JSON.stringify({ action, score: 1, symbols: {} }));
    expect(decideRspamd(answer, settings).verdict.kind).toBe(expected);
  });

  it('never takes an answer that it cannot read for a verdict', () => {
    expect(decideRspamd(parseRspamdAnswer('<html>'), settings).verdict.kind).toBe('tempfail');
    expect(decideRspamd(parseRspamdAnswer('{"action":1}'), settings).verdict.kind).toBe('tempfail');
  });
});

describe('kinds of files', () => {
  const kinds = (content: Buffer | string): string[] => {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content, 'latin1');
    return fileKinds(bytes, zipEntries(bytes));
  };
  it.each([
    ['a Windows program', 'MZ\x90', ['executable']],
    ['ELF', '\x7fELF\x02', ['executable']],
    ['a script', '#!/bin/sh\n', ['script']],
    ['text', 'Hello', []],
    ['rar', 'Rar!\x1a\x07\x01', ['archive']],
    ['an Office file with macros', zip(['[Content_Types].xml', 'word/vbaProject.bin']), ['office-macro']],
    ['an Office file', zip(['[Content_Types].xml', 'word/document.xml']), []],
    ['zip', zip(['a.txt']), ['archive']],
    ['an encrypted zip', zip(['a.txt'], true), ['archive', 'encrypted-archive']],
  ])('%s', (_, content, expected) => {
    expect(kinds(content)).toEqual(expected);
  });

  it('of damaged archives cost nothing and break nothing', () => {
    const archive = zip(['a.exe', 'b.txt']);
    fc.assert(
      fc.property(fc.nat(archive.length - 1), fc.nat(255), fc.nat(archive.length), (at, octet, length) => {
        const damaged = Buffer.from(archive.subarray(0, length));
        if (at < damaged.length) damaged[at] = octet;
        expect(zipEntries(damaged).length).toBeLessThanOrEqual(2_000);
      }),
    );
    expect(zipEntries(zip(Array.from({ length: 5_000 }, (_, i) => `${i}`)))).toHaveLength(2_000);
  });
});

describe('attachments', () => {
  const part = (header: string, body: Buffer | string): Buffer =>
    Buffer.from(
      `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${header}\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(body).toString('base64')}\r\n--b--\r\n`,
    );
  const verdict = (content: Buffer, names: string[], insideZip = true): string => {
    const settings = contentSettings().parse({ attachments: { names } }).attachments;
    const patterns = names.map((pattern) => ({ pattern, matches: wildcard(pattern) }));
    return decideAttachments(attachmentsOf(content, insideZip), patterns, settings).kind;
  };

  it.each([
    ['filename', 'Content-Disposition: attachment; filename="a.EXE"'],
    ['name', 'Content-Type: application/pdf; name=a.exe'],
    ['an encoded name', 'Content-Disposition: attachment; filename="=?utf-8?B?YS5leGU=?="'],
    ['RFC 2231', "Content-Disposition: attachment; filename*=utf-8''a%2Eexe"],
    ['trailing dots', 'Content-Disposition: attachment; filename="a.exe. ."'],
  ])('are known by %s', (_, header) => {
    expect(verdict(part(header, 'x'), ['*.exe'])).toBe('reject');
    expect(verdict(part(header, 'x'), ['*.scr'])).toBe('accept');
  });

  it.each([
    ['two Content-Type fields', 'Content-Type: text/plain; name=a.txt\r\nContent-Type: text/plain; name=a.exe'],
    ['a name with NUL', "Content-Disposition: attachment; filename*=utf-8''a.exe%00.txt"],
  ])('are not hidden by %s', (_, header) => {
    expect(verdict(part(header, 'x'), ['*.exe'])).toBe('reject');
  });

  it('are not hidden behind many others, nor in more than is looked at', () => {
    const many = (n: number, last: string): Buffer =>
      Buffer.from(
        `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(n)}--b\r\nContent-Type: x/y; name=${last}\r\n\r\nx\r\n--b--\r\n`,
      );
    expect(verdict(many(2_000, 'a.exe'), ['*.exe'])).toBe('reject');
    expect(verdict(many(2_000, 'a.txt'), ['*.exe'])).toBe('accept');
    expect(verdict(many(20_000, 'a.txt'), ['*.exe'])).toBe('reject');
    const deep = `${'Content-Type: message/rfc822\r\n\r\n'.repeat(60)}Content-Type: x/y; name=a.txt\r\n\r\nx`;
    expect(verdict(Buffer.from(deep), ['*.exe'])).toBe('reject');
    const entries = (n: number): Buffer =>
      part('Content-Type: x/y; name=a', zip(Array.from({ length: n }, (_, i) => `${i}`)));
    expect(verdict(entries(100), ['*.exe'])).toBe('accept');
    expect(verdict(entries(3_000), ['*.exe'])).toBe('reject');
  });

  it('are found in an encoded message, and in an archive with something before it', () => {
    const inner = part('Content-Type: x/y; name=a.exe', 'x');
    expect(verdict(part('Content-Type: message/rfc822', inner), ['*.exe'])).toBe('reject');
    const archive = Buffer.concat([Buffer.from('a program that unpacks it'), zip(['setup.exe'])]);
    expect(verdict(part('Content-Type: application/zip; name=a.zip', archive), ['*.exe'])).toBe('reject');
  });

  it('are looked at inside of zip archives, if wanted', () => {
    const content = part('Content-Type: application/zip; name=a.zip', zip(['docs/readme.txt', 'docs/setup.exe']));
    expect(verdict(content, ['*.exe'])).toBe('reject');
    expect(verdict(content, ['*.exe'], false)).toBe('accept');
  });

  it('of any damaged message are looked at without a fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        expect(['accept', 'reject']).toContain(verdict(Buffer.from(octets), ['*.exe']));
      }),
    );
  });
});

describe('settings', () => {
  it('want a mailbox as soon as something is to be quarantined', () => {
    const settings = { attachments: { onFound: 'quarantine' } };
    expect(contentSettings().safeParse(settings).success).toBe(false);
    expect(contentSettings().safeParse({ ...settings, quarantineAddress: 'q@d.example' }).success).toBe(true);
    expect(contentSettings().safeParse({ clamav: {} }).success).toBe(false);
  });
});

describe('turns', () => {
  it('are so many at a time, in order, and end for who waits too long', async () => {
    const turns = new Turns(1);
    const order: number[] = [];
    let release = (): void => {};
    const first = turns.take(1_000, () => new Promise<void>((resolve) => (release = resolve)));
    const impatient = turns.take(5, async () => order.push(0));
    const second = turns.take(1_000, async () => order.push(2));
    expect(await impatient).toBeUndefined();
    release();
    await first;
    expect(await second).toBe(1);
    expect(await turns.take(1_000, async () => 'free')).toBe('free');
  });
});
