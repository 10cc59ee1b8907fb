import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CommandFramer, type Frame } from './command.ts';
import { ArgumentReader, CommandSyntaxError } from './lexer.ts';

const LIMITS = { maxLineBytes: 200, maxArgumentBytes: 50, maxAppendBytes: 1000, maxNonSynchronizingBytes: 1_000_000 };

/** All frames of the bytes, given in chunks that end at the cuts. */
function frames(bytes: Buffer, cuts: readonly number[] = []): Frame[] {
  const framer = new CommandFramer({ ...LIMITS });
  const out: Frame[] = [];
  const ends = [...new Set(cuts.filter((c) => c > 0 && c < bytes.length))].sort((a, b) => a - b);
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    framer.push(bytes.subarray(from, end));
    from = end;
    for (let frame = framer.next(); frame !== undefined; frame = framer.next()) {
      out.push(frame);
      if (frame.kind === 'lost') return out;
    }
  }
  return out;
}

const everyCut = (bytes: Buffer): number[] => Array.from({ length: bytes.length }, (_, i) => i);

describe('framing', () => {
  test('a synchronizing literal asks to continue, and its bytes are kept as they are', () => {
    const found = frames(Buffer.from('a1 LOGIN {3}\r\nf\0o {4+}\r\nb\r\nr\r\nb NOOP\r\n', 'latin1'));
    expect(found.map((f) => f.kind)).toEqual(['literal', 'literal', 'command', 'command']);
    expect(found[0]).toMatchObject({ bytes: 3, synchronizing: true });
    expect(found[1]).toMatchObject({ bytes: 4, synchronizing: false });
    const command = found[2];
    if (command?.kind !== 'command') throw new Error('no command');
    expect(command.segments.map((s) => [s.text, s.literal?.bytes.toString('latin1')])).toEqual([
      ['a1 LOGIN ', 'f\0o'],
      [' ', 'b\r\nr'],
      ['', undefined],
    ]);
  });

  test('a synchronizing literal above the limit is refused in place of the +', () => {
    expect(frames(Buffer.from('a LOGIN {51}\r\nb NOOP\r\n'))).toEqual([
      { kind: 'refused', tag: 'a', why: 'literal-too-big' },
      { kind: 'command', segments: [{ text: 'b NOOP' }] },
    ]);
  });

  test('a non-synchronizing literal above the limit is read over to the end of its command', () => {
    const bytes = Buffer.from(`a LOGIN {60+}\r\n${'x\n'.repeat(30)} {2+}\r\nab\r\nb NOOP\r\n`);
    for (const cuts of [[], everyCut(bytes)]) {
      expect(frames(bytes, cuts)).toEqual([
        { kind: 'refused', tag: 'a', why: 'literal-too-big' },
        { kind: 'command', segments: [{ text: 'b NOOP' }] },
      ]);
    }
  });

  test('APPEND may carry more; a literal that nobody would wait for ends the connection', () => {
    expect(frames(Buffer.from('a APPEND x {1000}\r\n'))).toMatchObject([{ kind: 'literal', bytes: 1000 }]);
    expect(frames(Buffer.from('a APPEND x {2001+}\r\n'))).toEqual([{ kind: 'lost' }]);
  });

  test('an overlong line is refused with its tag, and the next command is understood', () => {
    const bytes = Buffer.from(`a ${'x'.repeat(5000)}\r\nb NOOP\r\n`);
    for (const cuts of [[], [300], everyCut(bytes)]) {
      expect(frames(bytes, cuts)).toEqual([
        { kind: 'refused', tag: 'a', why: 'line-too-long' },
        { kind: 'command', segments: [{ text: 'b NOOP' }] },
      ]);
    }
  });

  test('memory stays within the limits while an endless line comes in', () => {
    const framer = new CommandFramer({ ...LIMITS });
    for (let i = 0; i < 1000; i += 1) {
      framer.push(Buffer.alloc(100, 0x61));
      expect(framer.next()).toBeUndefined();
      expect(framer.bufferedBytes).toBeLessThan(400);
    }
  });

  test('any bytes give the same frames however they are split', () => {
    const piece = fc.constantFrom(
      'a NOOP',
      '\r\n',
      '\n',
      ' ',
      '{3}',
      '{2+}',
      '~{1}',
      '{60+}',
      'APPEND x',
      '"',
      'xyz',
      '\0',
    );
    const noise = fc.string({ unit: 'binary', maxLength: 30 });
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, noise), { maxLength: 40 }), fc.array(fc.nat(400)), (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''), 'latin1');
        const whole = frames(bytes);
        expect(frames(bytes, everyCut(bytes))).toEqual(whole);
        expect(frames(bytes, cuts)).toEqual(whole);
      }),
    );
  });
});

describe('arguments', () => {
  const reader = (text: string): ArgumentReader => {
    const frame = frames(Buffer.from(text, 'latin1')).at(-1);
    if (frame?.kind !== 'command') throw new Error('no command');
    return new ArgumentReader(frame.segments);
  };

  test('strings in all their forms', () => {
    const args = reader('atom] "a\\"b\\\\c" {5}\r\na\r\n"b NIL {0}\r\n\r\n');
    expect(args.astring()).toBe('atom]');
    args.space();
    expect(args.astring()).toBe('a"b\\c');
    args.space();
    expect(args.astring()).toBe('a\r\n"b');
    args.space();
    expect(args.nstring()).toBeUndefined();
    args.space();
    expect(args.atEnd).toBe(false);
    expect(args.astring()).toBe('');
    expect(args.atEnd).toBe(true);
  });

  test('lists, flags, numbers, sequence sets', () => {
    const args = reader('(\\Seen $Forwarded) 4294967295 1:*,7 ()\r\n');
    expect(args.list(() => args.flag())).toEqual(['\\Seen', '$Forwarded']);
    args.space();
    expect(args.number()).toBe(4294967295);
    args.space();
    expect(args.sequenceSet().ranges).toHaveLength(2);
    args.space();
    expect(args.list(() => args.flag())).toEqual([]);
    args.end();
  });

  test.each(['"abc', '"a\\b"', '{1}\r\n\0', '4294967296', '', '(a b', '1::2'])('%j is refused', (text) => {
    const args = reader(`${text}\r\n`);
    expect(() => {
      if (/^\d/.test(text)) {
        args.number();
        args.end();
      } else if (text.startsWith('(')) args.list(() => args.atom());
      else args.astring();
    }).toThrow(CommandSyntaxError);
  });
});
