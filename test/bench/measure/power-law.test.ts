import fc from 'fast-check';
import { expect, it } from 'vitest';
import { powerLawOf } from './power-law.ts';

it('finds the exponent that values were made with', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -2, max: 3, noNaN: true }),
      fc.double({ min: 0.01, max: 1000, noNaN: true }),
      (e, c) => {
        const law = powerLawOf([10, 100, 1_000, 10_000].map((size) => ({ size, value: c * size ** e })));
        expect(law?.exponent).toBeCloseTo(e, 6);
        // What does not grow has no spread but that of rounding.
        if (Math.abs(e) > 0.01) expect(law?.fit).toBeGreaterThan(0.999);
      },
    ),
  );
});

it('tells how badly a law fits, and nothing of a single size', () => {
  expect(powerLawOf([{ size: 10, value: 1 }])).toBeUndefined();
  const law = powerLawOf([1, 9, 2, 8, 3].map((value, i) => ({ size: 10 ** i, value })));
  expect(law?.fit).toBeLessThan(0.5);
});
