import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NUMBER_OCTETS, putNumber } from './octets.ts';

test('a number is written as String writes it, and nothing beside it', () => {
  const edges = [0, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000, 99_999_999, 100_000_000, 0xffffffff, 2 ** 32];
  const number = fc.oneof(fc.constantFrom(...edges, Number.MAX_SAFE_INTEGER), fc.nat(100_000), fc.maxSafeNat());
  fc.assert(
    fc.property(number, (value) => {
      const to = Buffer.alloc(NUMBER_OCTETS + 2, '.');
      const end = putNumber(to, 1, value);
      expect(to.toString('latin1')).toBe(`.${value}`.padEnd(NUMBER_OCTETS + 2, '.'));
      expect(end).toBe(1 + String(value).length);
    }),
  );
});
