import { expect, test } from 'vitest';
import { formatFactor, parseFactor } from './factor.ts';

test('what is sent is read, with and without a code', () => {
  for (const code of ['123456', '']) {
    const credentials = { authorizationId: '', user: 'user1@domain1.example', password: 'pässword', code };
    expect(parseFactor(formatFactor(credentials))).toEqual(credentials);
  }
});

test('PLAIN, too many fields, and what is not base64 are refused', () => {
  const fields = (...parts: string[]) => Buffer.from(parts.join('\0')).toString('base64');
  for (const bad of [
    fields('', 'user', 'secret'),
    fields('', 'user', 'secret', '123456', ''),
    fields('', '', 'secret', ''),
    '%%',
    '',
  ]) {
    expect(parseFactor(bad)).toBeUndefined();
  }
  expect(() => formatFactor({ authorizationId: '', user: 'a\0b', password: '', code: '' })).toThrow('NUL');
});
