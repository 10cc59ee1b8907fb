import { expect, test } from 'vitest';
import { appPasswordName, makeAppPassword } from './app-password.ts';

test('an app password contains its own name, and no two are alike', () => {
  const made = Array.from({ length: 200 }, makeAppPassword);
  for (const { name, password } of made) expect(appPasswordName(password)).toBe(name);
  expect(new Set(made.map(({ password }) => password)).size).toBe(200);
});

test.each([
  '',
  'user1',
  'app-',
  'app-abc-aaaa-bbbb-cccc-dddd',
  'app-abcdefgh-aaaa-bbbb-cccc',
  'APP-abcdefgh-aaaa-bbbb-cccc-dddd',
  'app-abcdefg1-aaaa-bbbb-cccc-dddd',
  'app-abcdefgh-aaaa-bbbb-cccc-dddd ',
])('%j is a main password', (text) => expect(appPasswordName(text)).toBeUndefined());
