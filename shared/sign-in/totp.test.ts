import { describe, expect, test } from 'vitest';
import { acceptedTotpStep, encodeBase32, makeTotpSecret, readTotpSecret, totpCode, totpStep } from './totp.ts';

const SECRET = Buffer.from('12345678901234567890');

describe('codes', () => {
  // RFC 4226 Appendix D.
  test('RFC 4226 Appendix D: the first ten codes', () => {
    const codes = ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'];
    expect(codes.map((_, count) => totpCode(SECRET, count))).toEqual(codes);
  });

  // RFC 6238 Appendix B, the last six of its eight digits.
  test.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('RFC 6238 Appendix B: second %i is %s', (second, code) =>
    expect(totpCode(SECRET, totpStep(second * 1000))).toBe(code),
  );

  test('one step of drift is taken, two are not, and each code is good once', () => {
    const now = 1_700_000_000_000;
    const step = totpStep(now);
    for (const drift of [-1, 0, 1])
      expect(acceptedTotpStep(SECRET, totpCode(SECRET, step + drift), now, 0)).toBe(step + drift);
    for (const drift of [-2, 2])
      expect(acceptedTotpStep(SECRET, totpCode(SECRET, step + drift), now, 0)).toBeUndefined();
    expect(acceptedTotpStep(SECRET, totpCode(SECRET, step), now, step)).toBeUndefined();
    expect(acceptedTotpStep(SECRET, '', now, 0)).toBeUndefined();
  });
});

test('a secret survives base32, spaced as people write it down; short ones are refused', () => {
  const secret = makeTotpSecret();
  expect(readTotpSecret(encodeBase32(secret))).toEqual(secret);
  expect(readTotpSecret(encodeBase32(secret).toLowerCase().replace(/.{4}/g, '$& '))).toEqual(secret);
  expect(encodeBase32(Buffer.from('foobar'))).toBe('MZXW6YTBOI');
  for (const bad of ['', 'ABC', '1'.repeat(32), 'A'.repeat(400)]) expect(readTotpSecret(bad)).toBeUndefined();
});
