import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recyclePiece } from '../../connection/piece-writer.ts';
import { formatDateTime, readDate, readDateTime } from './date-time.ts';
import { readFetchAttributes } from './fetch-attribute.ts';
import { ArgumentReader, CommandSyntaxError } from './lexer.ts';
import { decodeMailboxName, encodeMailboxName } from './mailbox-name.ts';
import { ResponseWriter } from './response.ts';
import { readSearchProgram } from './search-key.ts';
import { formatSequenceSet, parseSequenceSet, rangesContain, resolveRanges } from './sequence-set.ts';

const reader = (text: string): ArgumentReader => new ArgumentReader([{ text }]);

describe('sequence sets', () => {
  const resolve = (text: string, largest: number): unknown => {
    const set = parseSequenceSet(text);
    return set && resolveRanges(set, largest).map((r) => [r.first, r.last]);
  };

  test('RFC 9051 §9: either order, overlaps, * above and below the numbers', () => {
    expect(resolve('2,4:7,9,12:*', 15)).toEqual([
      [2, 2],
      [4, 7],
      [9, 9],
      [12, 15],
    ]);
    expect(resolve('*:4,5:7', 10)).toEqual([[4, 10]]);
    expect(resolve('559:*', 10)).toEqual([[10, 559]]);
    expect(resolve('*', 0)).toEqual([]);
  });

  test.each(['', '0', '1:', ':1', '1,,2', '01', '4294967296', 'a', '1:2:3'])('%j is none', (text) => {
    expect(parseSequenceSet(text)).toBeUndefined();
  });

  test('what is formatted is read back', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (numbers) => {
        const set = parseSequenceSet(formatSequenceSet(numbers));
        if (set === undefined) throw new Error('not read');
        const ranges = resolveRanges(set, 300);
        for (let n = 1; n <= 300; n += 1) expect(rangesContain(ranges, n)).toBe(numbers.includes(n));
      }),
    );
  });
});

describe('mailbox names', () => {
  test.each([
    ['INBOX', 'INBOX'],
    ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'],
    ['Entwürfe', 'Entw&APw-rfe'],
    ['Tom & Jerry', 'Tom &- Jerry'],
    ['😀', '&2D3eAA-'],
  ])('%s', (name, encoded) => {
    expect(encodeMailboxName(name)).toBe(encoded);
    expect(decodeMailboxName(encoded)).toBe(name);
  });

  test.each(['&', '&AGE-', '&APw', 'ü', '&2D0-', '&APw-&APw-', '&A-'])('%s is no name', (text) => {
    expect(decodeMailboxName(text)).toBeUndefined();
  });

  test('every well-formed text has one form', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const encoded = encodeMailboxName(name);
        expect(encoded).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeMailboxName(encoded)).toBe(name);
      }),
    );
  });
});

describe('dates', () => {
  test('date-time with a zone', () => {
    const ms = readDateTime(reader('"17-Jul-1996 02:44:25 -0700"'));
    expect(new Date(ms).toISOString()).toBe('1996-07-17T09:44:25.000Z');
    expect(formatDateTime(ms)).toBe('17-Jul-1996 09:44:25 +0000');
    expect(formatDateTime(Date.UTC(2024, 1, 3))).toBe(' 3-Feb-2024 00:00:00 +0000');
    expect(readDateTime(reader(`"${formatDateTime(ms)}"`))).toBe(ms);
  });

  test('a date is a day', () => {
    expect(readDate(reader('1-Feb-1994'))).toBe(Date.UTC(1994, 1, 1) / 86_400_000);
    expect(() => readDate(reader('30-Feb-1994'))).toThrow(CommandSyntaxError);
  });
});

describe('fetch items', () => {
  test('sections, parts, partials and their names in the response', () => {
    const items = readFetchAttributes(
      reader(
        '(UID BODY.PEEK[1.2.HEADER.FIELDS (Date "X Y")]<0.100> BODY[] body[text] RFC822.HEADER BODY BODYSTRUCTURE)',
      ),
    );
    expect(items[1]).toEqual({
      kind: 'section',
      section: { part: [1, 2], text: 'HEADER.FIELDS', fields: ['Date', 'X Y'] },
      peek: true,
      partial: { offset: 0, count: 100 },
      label: 'BODY[1.2.HEADER.FIELDS (Date "X Y")]<0>',
    });
    expect(items.map((i) => ('label' in i ? i.label : i.kind))).toEqual([
      'uid',
      'BODY[1.2.HEADER.FIELDS (Date "X Y")]<0>',
      'BODY[]',
      'BODY[TEXT]',
      'RFC822.HEADER',
      'body',
      'bodystructure',
    ]);
  });

  test('macros stand alone', () => {
    expect(readFetchAttributes(reader('FULL')).map((i) => i.kind)).toEqual([
      'flags',
      'internaldate',
      'size',
      'envelope',
      'body',
    ]);
    expect(() => readFetchAttributes(reader('(FULL)'))).toThrow(CommandSyntaxError);
  });

  test.each(['BODY[0]', 'BODY[MIME]', 'BODY[1.]', 'BODY[HEADER.FIELDS ()]', '()', 'BODY[]<1>', 'BODY[]<1.0>'])(
    '%s is refused',
    (text) => {
      const args = reader(text);
      expect(() => {
        readFetchAttributes(args);
        args.end();
      }).toThrow(CommandSyntaxError);
    },
  );
});

describe('search keys', () => {
  test('nesting, charset, dates, sets', () => {
    const program = readSearchProgram(
      reader('CHARSET utf-8 OR (SEEN NOT 1:3) HEADER Subject "" UNKEYWORD $Junk SENTSINCE 1-Feb-1994'),
    );
    expect(program).toMatchObject({
      charset: 'UTF-8',
      key: {
        kind: 'and',
        keys: [
          {
            kind: 'or',
            left: { kind: 'and', keys: [{ kind: 'flag', flag: '\\Seen', set: true }, { kind: 'not' }] },
            right: { kind: 'header', field: 'Subject', text: '' },
          },
          { kind: 'flag', flag: '$Junk', set: false },
          { kind: 'date', of: 'sent', relation: 'since', day: 8797 },
        ],
      },
    });
  });

  test.each(['', 'FOO', 'OR SEEN', 'NOT', '()', 'SEEN  SEEN', `${'NOT '.repeat(100)}SEEN`, '('.repeat(2000)])(
    '%# is refused',
    (text) => {
      expect(() => readSearchProgram(reader(text))).toThrow(CommandSyntaxError);
    },
  );

  test('no text makes the reader fail otherwise than by BAD', () => {
    const word = fc.constantFrom(
      'OR',
      'NOT',
      '(',
      ')',
      ' ',
      'SEEN',
      '1:*',
      'BODY',
      '"x"',
      'HEADER',
      'ON',
      '1-Feb-1994',
      '$',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 30 }), (words) => {
        try {
          readSearchProgram(reader(words.join('')));
          readFetchAttributes(reader(words.join('')));
        } catch (error) {
          expect(error).toBeInstanceOf(CommandSyntaxError);
        }
      }),
    );
  });
});

describe('the writer', () => {
  const text = (writer: ResponseWriter): string => {
    const pieces = writer.takeFilled(true);
    const out = Buffer.concat(pieces.map((p) => p.piece.subarray(0, p.length))).toString('latin1');
    for (const p of pieces) recyclePiece(p.piece);
    return out;
  };

  test('numbers, strings and literals come out as they were given, over the bounds of pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.maxSafeNat(), fc.nat(0xffffffff), fc.nat(99_999), fc.string({ unit: 'binary' })), {
          maxLength: 50,
        }),
        fc.constantFrom(0, 65_530, 131_060),
        (values, padding) => {
          const writer = new ResponseWriter();
          writer.bytes(Buffer.alloc(padding, 0x2e));
          let wanted = '.'.repeat(padding);
          for (const value of values) {
            if (typeof value === 'number') {
              writer.number(value);
              wanted += String(value);
            } else {
              const octets = Buffer.from(value, 'utf8');
              writer.literal(octets);
              wanted += `{${octets.length}}\r\n${octets.toString('latin1')}`;
            }
          }
          expect(writer.pendingBytes).toBe(wanted.length);
          expect(text(writer) === wanted).toBe(true);
        },
      ),
    );
  });

  test('what cannot be quoted is a literal', () => {
    expect(text(new ResponseWriter().string('a"b\\c'))).toBe('"a\\"b\\\\c"');
    expect(text(new ResponseWriter().string('a\nb'))).toBe('{3}\r\na\nb');
    expect(text(new ResponseWriter().string('\xe9'))).toBe('{1}\r\n\xe9');
    expect(text(new ResponseWriter().astring('NIL'))).toBe('"NIL"');
    expect(text(new ResponseWriter().nstring(undefined))).toBe('NIL');
  });
});
