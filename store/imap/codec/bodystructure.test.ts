import { type PartOffsets, packParts, scanMessage, unpackParts } from '@postern/shared/message/mime-structure.ts';
import { findPart, partRange } from '@postern/shared/message/part-range.ts';
import { previewText, searchableText } from '@postern/shared/message/text.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpus } from '../../../test/corpus/corpus.ts';
import { checkBody, checkEnvelope } from '../../../test/support/imap-grammar.ts';
import { bodyFromBodyStructure } from './body-from-bodystructure.ts';
import { renderBody, renderBodyStructure } from './bodystructure.ts';
import { renderEnvelope } from './envelope.ts';

const CORPUS = corpus();

function sample(name: string): Buffer {
  const found = CORPUS.find((message) => message.name === name);
  if (!found) throw new Error(`no such message in the corpus: ${name}`);
  return found.bytes;
}

const structure = (name: string): string => renderBodyStructure(scanMessage(sample(name))).toString('latin1');

/** What must hold of any octets at all. */
function checkAnything(bytes: Buffer): void {
  const scan = scanMessage(bytes);
  checkEnvelope(renderEnvelope(scan));
  const leaves = checkBody(renderBodyStructure(scan), true);
  expect(checkBody(renderBody(scan), false)).toBe(leaves);
  expect(bodyFromBodyStructure(renderBodyStructure(scan))).toEqual(renderBody(scan));
  expect(unpackParts(packParts(scan.root))).toEqual(offsetsOf(scan.root));
  expect(partRange(scan.root, '')).toEqual({ start: 0, end: bytes.length });
  walk(scan.root, { start: 0, end: bytes.length });
  expect(findPart(scan.root, [1])).toBeDefined();
  searchableText(scan);
  previewText(scan);
}

function offsetsOf({ kind, headerStart, bodyStart, bodyEnd, lines, children }: PartOffsets): PartOffsets {
  return { kind, headerStart, bodyStart, bodyEnd, lines, children: children.map(offsetsOf) };
}

/** Each part lies within what encloses it, and after the part before it. */
function walk(part: PartOffsets, within: { start: number; end: number }): void {
  expect(part.headerStart).toBeGreaterThanOrEqual(within.start);
  expect(part.bodyStart).toBeGreaterThanOrEqual(part.headerStart);
  expect(part.bodyEnd).toBeGreaterThanOrEqual(part.bodyStart);
  expect(part.bodyEnd).toBeLessThanOrEqual(within.end);
  if (part.kind === 'leaf') expect(part.children).toEqual([]);
  else expect(part.children.length).toBeGreaterThan(0);
  if (part.kind === 'message') expect(part.children.length).toBe(1);
  let from = part.bodyStart;
  for (const child of part.children) {
    walk(child, { start: from, end: part.bodyEnd });
    from = child.bodyEnd;
  }
}

describe('BODYSTRUCTURE', () => {
  it('describes a text message that says nothing of itself', () => {
    const scan = scanMessage(Buffer.from('Subject: x\r\n\r\none\r\ntwo\r\n'));
    expect(renderBodyStructure(scan).toString()).toBe(
      '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2 NIL NIL NIL NIL)',
    );
    expect(renderBody(scan).toString()).toBe('("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2)');
  });

  it('names id, description, disposition, language, location and MD5 of a part', () => {
    expect(structure('nested-multipart')).toContain(
      '("image" "png" ("name" "dot.png") "<dot@example.net>" NIL "base64" 12 "Q2hlY2sgSW50ZWdyaXR5IQ==" NIL NIL "dot.png")',
    );
    expect(structure('nested-multipart')).toContain('NIL NIL ("en" "de") NIL)');
    expect(structure('nested-multipart')).toContain(
      'NIL "the last \\"word\\"" "7bit" 4 0 NIL ("inline" ("filename" "note.txt")) NIL NIL)',
    );
  });

  it('gives an enclosed message its own envelope and structure', () => {
    expect(structure('message-rfc822-alone')).toBe(
      '("message" "rfc822" NIL NIL NIL "7bit" 49 (NIL "enclosed" ((NIL NIL "x" "example.net")) ((NIL NIL "x" "example.net")) ((NIL NIL "x" "example.net")) NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 7 1 NIL NIL NIL NIL) 4 NIL NIL NIL NIL)',
    );
  });

  it('takes the parts of a digest for messages (RFC 2046 §5.1.5)', () => {
    expect(structure('digest').match(/"message" "rfc822"/g)).toHaveLength(2);
  });

  it('never shows a multipart without parts, nor one without a boundary', () => {
    const empty = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)';
    expect(structure('broken-empty-multipart')).toBe(`(${empty} "mixed" ("boundary" "e") NIL NIL NIL)`);
    expect(structure('broken-boundary-never-used')).toBe(`(${empty} "mixed" ("boundary" "never") NIL NIL NIL)`);
    expect(structure('broken-no-boundary-parameter')).toMatch(/^\("text" "plain" \("charset" "us-ascii"\)/);
  });

  it('lets an outer delimiter end an inner multipart', () => {
    expect(structure('broken-inner-not-closed')).toMatch(/^\(\(\(.* "alternative" .*\)\("text".*\) "mixed" .*\)$/);
  });

  it('stops at a hundred levels and ten thousand parts', () => {
    expect(structure('deep-nesting')).toContain('"application" "octet-stream"');
    const many = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\n'.repeat(20_000)}`;
    const { root } = scanMessage(Buffer.from(many));
    expect(root.children.length).toBe(9_999);
    expect(root.children.at(-1)?.bodyEnd).toBe(many.length);
  });
});

describe('sections', () => {
  const bytes = sample('message-rfc822');
  const { root } = scanMessage(bytes);
  const section = (name: string): string | undefined => {
    const range = partRange(root, name);
    return range && bytes.toString('latin1', range.start, range.end);
  };

  it('finds parts, their MIME headers, and header and text of enclosed messages (RFC 3501 §6.4.5)', () => {
    expect(section('1')).toBe('please read');
    expect(section('1.MIME')).toBe('\r\n');
    expect(section('2.MIME')).toBe('Content-Type: message/rfc822\r\n\r\n');
    expect(section('2.HEADER')).toMatch(/^From: "Marchetti[\s\S]*boundary=inner\r\n\r\n$/);
    expect(section('2.TEXT')).toMatch(/^--inner[\s\S]*--inner--$/);
    expect(section('2.1')).toBe('inner text');
    expect(section('2.2')).toBe('Subject: innermost\r\n\r\ndeepest');
    expect(section('2.2.HEADER')).toBe('Subject: innermost\r\n\r\n');
    expect(section('2.2.1')).toBe('deepest');
    expect(section('2.2.1.MIME')).toBe('Subject: innermost\r\n\r\n');
    expect((section('HEADER') ?? '') + (section('TEXT') ?? '')).toBe(bytes.toString('latin1'));
  });

  it.each(['3', '1.1', '1.HEADER', '1.TEXT', '2.3', '2.2.2', '2.2.1.1', '0', '1.0', 'BODY', '1..2', '1.'])(
    'has no section %s',
    (name) => {
      expect(section(name)).toBeUndefined();
    },
  );

  it('answers the same from packed parts', () => {
    expect(partRange(unpackParts(packParts(root)), '2.2.1')).toEqual(partRange(root, '2.2.1'));
    expect(() => unpackParts(packParts(root).subarray(0, 5))).toThrow(RangeError);
  });
});

describe('any octets', () => {
  it.each(CORPUS.map(({ name, bytes }) => [name, bytes] as const))('%s', (_, bytes) => checkAnything(bytes));

  it('mutated mail', () => {
    const small = CORPUS.filter(({ bytes }) => bytes.length < 10_000).map(({ bytes }) => bytes);
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(40),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 8 }).map((octets) => Buffer.from(octets)),
        fc
          .constantFrom(
            '\r\n',
            '\n',
            '--',
            '\r\n--b',
            '"',
            '\\',
            '(',
            '\0',
            '\r\n\r\n',
            ';',
            '=?utf-8?q?',
            '<',
            ':',
            ',',
            '\xff',
            '{3}\r\n',
          )
          .map((text) => Buffer.from(text, 'latin1')),
      ),
    });
    fc.assert(
      fc.property(fc.constantFrom(...small), fc.array(edit, { minLength: 1, maxLength: 6 }), (bytes, edits) => {
        let mutated = bytes;
        for (const { at, remove, insert } of edits) {
          const cut = Math.floor(at * mutated.length);
          mutated = Buffer.concat([mutated.subarray(0, cut), insert, mutated.subarray(cut + remove)]);
        }
        checkAnything(mutated);
      }),
      { numRuns: 800 },
    );
  });

  it('lines of MIME in random order', () => {
    const line = fc.constantFrom(
      '',
      '',
      '--a',
      '--a--',
      '--b',
      '--b--',
      '--a ',
      'text',
      ' folded',
      'Subject: x "y" \\',
      'From: a <b@c>, d: e@f;',
      'To: (((',
      'Content-Type: multipart/mixed; boundary=a',
      'Content-Type: multipart/digest; boundary="b"',
      'Content-Type: message/rfc822',
      'Content-Type: multipart/x; boundary=',
      'Content-Type: text/html',
      'Content-Disposition: attachment; filename="a\\"b"',
      'Content-Language: en,,de',
      'Content-ID:',
      'Content-Transfer-Encoding: base64',
      'Content-Description: \xe4\xf6\xfc',
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), fc.constantFrom('\r\n', '\n'), (lines, lineEnd) => {
        checkAnything(Buffer.from(lines.join(lineEnd), 'latin1'));
      }),
      { numRuns: 1_500 },
    );
  });

  it.each([
    ['delimiter-like lines', (n: number) => `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'\n--'.repeat(n)}`],
    [
      'one long line of dashes',
      (n: number) => `Content-Type: multipart/mixed; boundary=b\r\n\r\n--${'-'.repeat(n * 3)}`,
    ],
    ['lines without a colon', (n: number) => 'xx\n'.repeat(n)],
    ['nested messages', (n: number) => 'Content-Type: message/rfc822\n\n'.repeat(n / 10)],
    ['open comments in an address list', (n: number) => `To: ${'(a '.repeat(n)}`],
    ['open quotes in an address list', (n: number) => `To: ${'"a,'.repeat(n)}`],
    ['open brackets in an address list', (n: number) => `To: ${'<a,'.repeat(n)}`],
    ['domain literals that never close', (n: number) => `To: ${'[a '.repeat(n)}`],
    ['half encoded words', (n: number) => `Subject: ${'=?a'.repeat(n)}`],
    ['HTML that never closes', (n: number) => `Content-Type: text/html\n\n${'<style></styl'.repeat(n / 4)}`],
    ['HTML of open comments', (n: number) => `Content-Type: text/html\n\n${'<!-'.repeat(n)}`],
    ['spaces in quoted-printable', (n: number) => `Content-Transfer-Encoding: quoted-printable\n\n${'=  '.repeat(n)}`],
    ['many fields', (n: number) => 'a:\n'.repeat(n)],
  ])('%s cost linear time', (_, make) => {
    const time = (n: number): number => {
      const bytes = Buffer.from(make(n));
      const start = performance.now();
      const scan = scanMessage(bytes);
      renderEnvelope(scan);
      renderBodyStructure(scan);
      searchableText(scan);
      return performance.now() - start;
    };
    time(20_000);
    // A megabyte: quadratic work would take minutes here, linear work some tens of milliseconds.
    expect(time(350_000)).toBeLessThan(4_000);
  });
});
