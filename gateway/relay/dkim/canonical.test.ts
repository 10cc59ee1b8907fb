import { readHeader } from '@postern/shared/message/header.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Canonicalization, canonicalBody, canonicalField } from './canonical.ts';

const body = (text: string, form: Canonicalization): string =>
  Buffer.concat([...canonicalBody(Buffer.from(text, 'latin1'), 0, form)].map((piece) => Buffer.from(piece))).toString(
    'latin1',
  );

const fields = (text: string, form: Canonicalization): string => {
  const content = Buffer.from(text, 'latin1');
  return readHeader(content, 0, content.length)
    .fields.map((field) => canonicalField(content, field, form))
    .join('');
};

describe('canonical form', () => {
  // RFC 6376 §3.4.5.
  const header = 'A: X\r\nB : Y\t\r\n\tZ  \r\n';
  const text = ' C \r\nD \t E\r\n\r\n\r\n';

  it('relaxed, as RFC 6376 §3.4.5 has it', () => {
    expect(fields(header, 'relaxed')).toBe('a:X\r\nb:Y Z\r\n');
    expect(body(text, 'relaxed')).toBe(' C\r\nD E\r\n');
  });

  it('simple, as RFC 6376 §3.4.5 has it', () => {
    expect(fields(header, 'simple')).toBe(header);
    expect(body(text, 'simple')).toBe(' C \r\nD \t E\r\n');
  });

  it.each([
    ['', 'simple', '\r\n'],
    ['', 'relaxed', ''],
    ['\r\n\r\n', 'simple', '\r\n'],
    [' \t\r\n \r\n', 'relaxed', ''],
    ['a', 'simple', 'a\r\n'],
    ['a \t', 'relaxed', 'a\r\n'],
    ['a\n \nb \r\n', 'relaxed', 'a\n \nb\r\n'],
  ] as const)('%j, %s', (given, form, expected) => {
    expect(body(given, form)).toBe(expected);
  });

  it('of a body is the same however it falls into pieces', () => {
    const word = fc.constantFrom('word', ' ', '  ', '\t', '\r\n', '\r', '\n', ' \r\n', '\u00a0', 'x'.repeat(9_000));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        const given = words.join('');
        const relaxed = given
          .replace(/[ \t]+/g, ' ')
          .replace(/ \r\n/g, '\r\n')
          .replace(/ $/, '')
          .replace(/(?:\r\n)+$/, '');
        expect(body(given, 'relaxed')).toBe(relaxed === '' ? '' : `${relaxed}\r\n`);
      }),
    );
  });
});
