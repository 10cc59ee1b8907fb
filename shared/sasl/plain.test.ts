import { expect, test } from 'vitest';
import { parsePlain } from './plain.ts';

const encode = (text: string): string => Buffer.from(text).toString('base64');

test('RFC 4616 §4: the examples', () => {
  expect(parsePlain(encode('\0tim\0tanstaaftanstaaf'))).toEqual({
    authorizationId: '',
    user: 'tim',
    password: 'tanstaaftanstaaf',
  });
  expect(parsePlain(encode('Ursel\0Kurt\0xipj3plmq'))).toMatchObject({ authorizationId: 'Ursel', user: 'Kurt' });
});

test('an empty password is kept for the directory to refuse', () => {
  expect(parsePlain(encode('\0tim\0'))?.password).toBe('');
});

test.each([
  '',
  '=',
  'AHRpbQB0*',
  encode('tim'),
  encode('\0tim'),
  encode('\0\0x'),
  encode('a\0b\0c\0d'),
  encode(`\0${'x'.repeat(256)}\0y`),
  Buffer.from([0, 0x74, 0, 0xff]).toString('base64'),
])('%j is refused', (text) => {
  expect(parsePlain(text)).toBeUndefined();
});
