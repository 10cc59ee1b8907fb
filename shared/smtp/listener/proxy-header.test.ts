import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProxyHeader } from './proxy-header.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const v2 = (command: string, family: string, rest: string): Buffer =>
  Buffer.from(`${SIGNATURE}${command}${family}${(rest.length / 2).toString(16).padStart(4, '0')}${rest}`, 'hex');
const IPV4 = 'c0000201c6336401' + '9c40' + '0019';
const IPV6 = '20010db8000000000000000000000001' + '20010db8000000000000000000000002' + '9c40' + '0019';

const GOOD: readonly [string, Buffer, string | undefined][] = [
  ['version 1, IPv4', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 40000 25\r\n'), '192.0.2.1'],
  ['version 1, IPv6', Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 40000 25\r\n'), '2001:db8::1'],
  ['version 1, unknown', Buffer.from('PROXY UNKNOWN what ever\r\n'), undefined],
  ['version 2, IPv4', v2('21', '11', IPV4), '192.0.2.1'],
  ['version 2, IPv6', v2('21', '21', IPV6), '2001:db8:0:0:0:0:0:1'],
  ['version 2, IPv4 and a TLV', v2('21', '11', `${IPV4}0400010a`), '192.0.2.1'],
  ['version 2, local', v2('20', '11', IPV4), undefined],
  ['version 2, unspecified', v2('21', '00', ''), undefined],
];

const BAD: readonly [string, Buffer][] = [
  ['a mail client', Buffer.from('EHLO x\r\n')],
  ['TLS', Buffer.from('160301', 'hex')],
  ['a bare LF', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 40000 25\n')],
  ['a name', Buffer.from('PROXY TCP4 evil.example 198.51.100.1 40000 25\r\n')],
  ['IPv6 called TCP4', Buffer.from('PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n')],
  ['a port too large', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 65536 25\r\n')],
  ['a port with a zero before', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 025 25\r\n')],
  ['a word too many', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n')],
  ['a line without end', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
  ['version 3', v2('31', '11', IPV4)],
  ['UDP', v2('21', '12', IPV4)],
  ['too short for IPv6', v2('21', '21', IPV4)],
  ['too long', Buffer.concat([v2('21', '11', '').subarray(0, 14), Buffer.from('ffff', 'hex')])],
];

describe('the PROXY header', () => {
  it.each(GOOD)('of %s is read wherever it is cut, and what follows is left', (_, header, address) => {
    const octets = Buffer.concat([header, Buffer.from('EHLO x\r\n')]);
    for (let cut = 1; cut < header.length; cut++) {
      expect(parseProxyHeader(octets.subarray(0, cut))).toEqual({ kind: 'more' });
    }
    for (const whole of [header, octets]) {
      const read = parseProxyHeader(whole);
      expect(read).toMatchObject({ kind: 'header', octets: header.length });
      if (read.kind !== 'header') return;
      expect(read.client).toEqual(address === undefined ? undefined : { address, port: 40_000 });
    }
  });

  it.each(BAD)('that is %s is refused, at the latest with its last octet', (_, octets) => {
    const kinds = Array.from(octets, (__, i) => parseProxyHeader(octets.subarray(0, i + 1)).kind);
    expect(kinds).not.toContain('header');
    expect(kinds.at(-1)).toBe('bad');
  });

  it('of arbitrary octets never asks for more than its bound', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 2_100, maxLength: 2_100 }),
        fc.constantFrom(...GOOD),
        (noise, [, good]) => {
          const begun = Buffer.concat([good.subarray(0, 14), noise]);
          expect(parseProxyHeader(begun).kind).not.toBe('more');
        },
      ),
    );
  });
});
