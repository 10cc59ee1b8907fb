import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DotStuffing } from './dot-stuffing.ts';
import { DataDecoder, type DataLimits } from './strict-data.ts';

const limits: DataLimits = { maxMessageBytes: 1_000_000, maxHeaderFields: 100, maxHeaderBytes: 10_000 };

/** Feeds wire octets cut at the given places; tells what a peer could learn of the result. */
function decode(wire: Buffer, cuts: readonly number[], own: Partial<DataLimits> = {}) {
  const decoder = new DataDecoder({ ...limits, ...own });
  const places = [...new Set(cuts.map((cut) => cut % (wire.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  let rest = '';
  for (const to of [...places, wire.length]) {
    const chunk = Buffer.from(wire.subarray(from, to));
    if (decoder.ended) rest += chunk.toString('latin1');
    else {
      const next = decoder.feed(chunk);
      if (next >= 0) rest += chunk.subarray(next).toString('latin1');
    }
    from = to;
  }
  const { ended, violation, ambiguous } = decoder;
  const headerBytes = violation === undefined ? decoder.headerBytes : undefined;
  const content = ended && violation === undefined ? decoder.content().toString('latin1') : undefined;
  return { ended, violation, ambiguous, headerBytes, content, rest };
}

const everyOctet = (wire: Buffer) => Array.from(wire.keys());

describe('DataDecoder', () => {
  it('gives back what was dot-stuffed, wherever the octets are cut', () => {
    const line = fc.stringMatching(/^[.a:\t ]{0,6}$/);
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(200)), fc.array(fc.nat(200)), (lines, cuts, pieces) => {
        const content = Buffer.from(lines.map((each) => `${each}\r\n`).join(''));
        const stuffing = new DotStuffing();
        const wire: Buffer[] = [];
        let from = 0;
        for (const to of [...pieces.map((p) => p % (content.length + 1)).sort((a, b) => a - b), content.length]) {
          wire.push(stuffing.feed(content.subarray(from, to)));
          from = to;
        }
        const sent = Buffer.concat([...wire, stuffing.end(), Buffer.from('QUIT\r\n')]);
        const result = decode(sent, cuts);
        expect(result).toMatchObject({ ended: true, violation: undefined, rest: 'QUIT\r\n' });
        expect(result.content).toBe(content.toString('latin1'));
      }),
    );
  });

  it('sees the same in arbitrary octets whether they come at once or one by one', () => {
    const wire = fc
      .array(fc.constantFrom('\r', '\n', '.', 'a', '\0', ':', ' ', '\r\n', '\r\n.\r\n'), { maxLength: 30 })
      .map((parts) => Buffer.from(parts.join(''), 'latin1'));
    fc.assert(
      fc.property(wire, (octets) => {
        expect(decode(octets, everyOctet(octets))).toEqual(decode(octets, []));
      }),
    );
  });

  it.each([
    ['a\n.\r\nMAIL', 'bare-lf'],
    ['a\r\n.\nMAIL', 'bare-lf'],
    ['a\n.\nMAIL', 'bare-lf'],
    ['a\r.\rMAIL', 'bare-cr'],
    ['a\r\n.\rMAIL', 'bare-cr'],
    ['a\r.\r\nMAIL', 'bare-cr'],
    ['a\nb\r\n.\r\n', 'bare-lf'],
    ['a\rb\r\n.\r\n', 'bare-cr'],
    ['\n\r\n.\r\n', 'bare-lf'],
    ['..\n\r\n.\r\n', 'bare-lf'],
  ])('ends %j as ambiguous', (wire, violation) => {
    const octets = Buffer.from(wire);
    expect(decode(octets, everyOctet(octets))).toMatchObject({ ended: true, violation, ambiguous: true });
  });

  it('refuses NUL at each place of a line, and the connection may go on', () => {
    for (const wire of ['\0\r\n.\r\n', 'a\0\r\n.\r\n', '.\0\r\n.\r\n', 'a\r\n\0\r\n.\r\n']) {
      expect(decode(Buffer.from(wire), [])).toMatchObject({ ended: true, violation: 'nul', ambiguous: false });
    }
  });

  it('takes an empty message', () => {
    expect(decode(Buffer.from('.\r\nQUIT'), [1, 2])).toMatchObject({ ended: true, content: '', rest: 'QUIT' });
  });

  it('counts header fields, folded lines not among them, and stops counting at the empty line', () => {
    const header = 'A: 1\r\n folded\r\nB: 2\r\n';
    const wire = Buffer.from(`${header}\r\n${'x\r\n'.repeat(50)}.\r\n`);
    expect(decode(wire, everyOctet(wire), { maxHeaderFields: 2 })).toMatchObject({
      violation: undefined,
      headerBytes: header.length,
    });
    expect(decode(wire, [], { maxHeaderFields: 1 }).violation).toBe('header-fields');
    expect(decode(wire, [], { maxHeaderBytes: 10 }).violation).toBe('header-bytes');
  });

  it('finds 10,000 header fields too many, and a message over its size', () => {
    expect(decode(Buffer.from(`${'X: y\r\n'.repeat(10_000)}\r\n.\r\n`), []).violation).toBe('header-fields');
    expect(decode(Buffer.from('12345\r\n.\r\n'), [], { maxMessageBytes: 6 }).violation).toBe('size');
    expect(decode(Buffer.from('12345\r\n.\r\n'), [], { maxMessageBytes: 7 }).violation).toBeUndefined();
  });

  it('takes 8 MB of dot lines in bounded time and as a whole', () => {
    const content = '.\r\n'.repeat(2_700_000);
    const stuffing = new DotStuffing();
    const wire = Buffer.concat([stuffing.feed(Buffer.from(content)), stuffing.end()]);
    const decoder = new DataDecoder({
      ...limits,
      maxMessageBytes: 10_000_000,
      maxHeaderFields: 5_000_000,
      maxHeaderBytes: 10_000_000,
    });
    const started = performance.now();
    let next = -1;
    for (let at = 0; at < wire.length; at += 65_536) next = decoder.feed(wire.subarray(at, at + 65_536));
    expect(next).toBeGreaterThan(0);
    expect(decoder.content().equals(Buffer.from(content))).toBe(true);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('takes chunks as they are, dots and all, wherever they are cut', () => {
    const wire = Buffer.from('Subject: x\r\n\r\n.\r\n..two\r\n.\r\nno line end');
    for (let cut = 0; cut <= wire.length; cut++) {
      const decoder = new DataDecoder(limits, 'chunks');
      const taken: Buffer[] = [];
      for (const part of [wire.subarray(0, cut), wire.subarray(cut)]) {
        expect(decoder.feed(Buffer.from(part))).toBe(-1);
        if (cut % 2 === 0) taken.push(...decoder.take());
      }
      decoder.endChunks();
      expect(decoder).toMatchObject({ ended: true, violation: undefined, size: wire.length + 2, headerBytes: 12 });
      expect(Buffer.concat([...taken, decoder.content()]).toString()).toBe(`${wire}\r\n`);
    }
  });

  it.each([
    ['a\rb\r\n', 'bare-cr'],
    ['a\r', 'bare-cr'],
    ['a\nb\r\n', 'bare-lf'],
    ['a\0\r\n', 'nul'],
  ])('refuses the chunk %j', (text, violation) => {
    const decoder = new DataDecoder(limits, 'chunks');
    for (const octet of Buffer.from(text)) decoder.feed(Buffer.of(octet));
    decoder.endChunks();
    expect(decoder.violation).toBe(violation);
  });
});
