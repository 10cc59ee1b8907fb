import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { receivedHeader, returnPathHeader } from './trace-header.ts';

const base = {
  fromHelo: 'mail.sender.example',
  fromAddress: '192.0.2.7',
  byHost: 'mx.domain1.example',
  withProtocol: 'ESMTPS',
  id: '0123456789abcdef0123456789abcdef',
  date: new Date('2025-07-01T07:05:07Z'),
  zoneOffsetMinutes: 120,
} as const;

describe('receivedHeader', () => {
  it('writes every clause in the order of RFC 5321 §4.4', () => {
    expect(
      receivedHeader({
        ...base,
        fromReverseName: 'out1.sender.example',
        tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
        forRecipient: 'user1@domain1.example',
      }),
    ).toBe(
      'Received: from mail.sender.example (out1.sender.example [192.0.2.7])\r\n' +
        '\tby mx.domain1.example with ESMTPS id 0123456789abcdef0123456789abcdef\r\n' +
        '\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n' +
        '\tfor <user1@domain1.example>;\r\n' +
        '\tTue, 01 Jul 2025 09:05:07 +0200\r\n',
    );
  });

  it('writes the zone west of Greenwich, and half hours', () => {
    expect(receivedHeader({ ...base, zoneOffsetMinutes: -210 })).toContain('\tTue, 01 Jul 2025 03:35:07 -0330\r\n');
  });

  it('tags IPv6 literals and unmaps IPv4 ones (RFC 5321 §4.1.3)', () => {
    expect(receivedHeader({ ...base, fromAddress: '2001:db8::1' })).toContain('([IPv6:2001:db8::1])');
    expect(receivedHeader({ ...base, fromAddress: '::ffff:192.0.2.7' })).toContain('([192.0.2.7])');
  });

  it('lets no client break out of its clause', () => {
    const header = receivedHeader({ ...base, fromHelo: 'x) by evil; (\r\nBcc: <a@b>\0' });
    expect(header).toContain('from x??by?evil?????Bcc:??a@b?? ([192.0.2.7])');
  });

  it('is one folded field of short lines, whatever a client says', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 });
    fc.assert(
      fc.property(text, text, (fromHelo, forRecipient) => {
        const lines = receivedHeader({ ...base, fromHelo, forRecipient }).split('\r\n');
        expect(lines.pop()).toBe('');
        expect(lines[0]).toMatch(/^Received: from/);
        for (const line of lines.slice(1)) expect(line).toMatch(/^\t\S/);
        for (const line of lines) {
          expect(line).not.toMatch(/[\r\n\0]/);
          if (line.length > 78) expect(line.trimStart()).toMatch(/^\S+;?$|^<.*>;?$/);
        }
      }),
    );
  });
});

describe('returnPathHeader', () => {
  it('writes address and null reverse-path', () => {
    expect(returnPathHeader('a@sender.example')).toBe('Return-Path: <a@sender.example>\r\n');
    expect(returnPathHeader('')).toBe('Return-Path: <>\r\n');
  });

  it('folds before a long address and never inside it', () => {
    const address = `"${'a b '.repeat(16)}"@sender.example`;
    expect(returnPathHeader(address)).toBe(`Return-Path:\r\n\t<${address}>\r\n`);
  });
});

it('a client that is nobody’s business is left out, name and address', () => {
  const header = receivedHeader({
    fromHelo: 'store.corp.example',
    fromAddress: undefined,
    byHost: 'mx.example',
    withProtocol: 'ESMTPS',
    id: 'abc',
    date: new Date(0),
    zoneOffsetMinutes: 0,
  });
  expect(header.replace(/\r\n\t/g, ' ')).toBe(
    'Received: by mx.example with ESMTPS id abc; Thu, 01 Jan 1970 00:00:00 +0000\r\n',
  );
});
