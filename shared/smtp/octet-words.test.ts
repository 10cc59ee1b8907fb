import fc from 'fast-check';
import { expect, it } from 'vitest';
import { endOfText, wordsOf } from './octet-words.ts';

it('finds the same end of a text as one looks at each octet, wherever the chunk lies in memory', () => {
  const octet = fc.oneof(
    fc.constantFrom(0x00, 0x0a, 0x0d, 0x0e, 0x20, 0x7f, 0x80, 0x8d, 0xff),
    fc.integer({ min: 14, max: 255 }),
  );
  fc.assert(
    fc.property(fc.array(octet, { maxLength: 40 }), fc.nat(7), fc.nat(40), (octets, offset, start) => {
      const memory = new ArrayBuffer(offset + octets.length);
      const chunk = Buffer.from(memory, offset);
      chunk.set(octets);
      const from = Math.min(start, octets.length);
      const found = octets.findIndex((each, at) => at >= from && each <= 0x0d);
      expect(endOfText(chunk, wordsOf(chunk), from)).toBe(found < 0 ? octets.length : found);
    }),
    { numRuns: 2_000 },
  );
});
