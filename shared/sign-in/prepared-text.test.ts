import { expect, test } from 'vitest';
import { preparedText } from './prepared-text.ts';

test.each([
  ['RFC 8265 §4.3: spaces stay', 'correct horse battery staple', 'correct horse battery staple'],
  ['RFC 8265 §4.3: the case stays', 'Correct Horse Battery Staple', 'Correct Horse Battery Staple'],
  ['RFC 8265 §4.3: letters of all scripts', 'πßå', 'πßå'],
  ['RFC 8265 §4.3: symbols', 'Jack of \u2666s', 'Jack of \u2666s'],
  ['RFC 8265 §4.2.2: another space is a space', 'foo\u1680bar', 'foo bar'],
  ['RFC 8265 §4.2.2: NFC', 'cafe\u0301', 'café'],
  ['RFC 8265 §4.2.2: no compatibility mapping', '\ufb01\u00b2', '\ufb01\u00b2'],
  ['an emoji', 'p\u{1f511}', 'p\u{1f511}'],
  ['nothing', '', ''],
])('%s', (_, text, prepared) => {
  expect(preparedText(text)).toBe(prepared);
});

test.each([
  ['RFC 8265 §4.3: a control character', 'my cat is a \u0009by'],
  ['NUL', 'a\0b'],
  ['a control character of C1', 'a\u0085b'],
  ['private use', 'a\ue000b'],
  ['not assigned', 'a\u0378b'],
  ['no character', 'a\ufdd0b'],
  ['a zero-width space', 'a\u200bb'],
  ['a soft hyphen', 'a\u00adb'],
  ['a line separator', 'a\u2028b'],
  ['half of a surrogate pair', 'a\ud800b'],
  ['an old Hangul jamo', 'a\u1100b'],
])('nobody has it: %s', (_, text) => {
  expect(preparedText(text)).toBeUndefined();
});
