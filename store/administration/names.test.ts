import { describe, expect, test } from 'vitest';
import { readDomain, readLocalPart, readOwnAddress, readTarget, readText } from './names.ts';

/** What people who mean harm write into every field. */
const INJECTIONS = [
  '*',
  'x)(mail=*',
  'x,jvd=other.example',
  'x+cn=admin',
  'x\\2ay',
  'x"y',
  'x;y',
  'a b',
  'x\r\nBcc: all@example.com',
  'x\0y',
  '<script>alert(1)</script>',
  '../../etc/passwd',
  '$(reboot)',
];

describe('nothing that means something in a DN, a filter or a header passes', () => {
  test.each(INJECTIONS)('%j', (text) => {
    expect(readLocalPart(text)).toBeUndefined();
    expect(readDomain(text)).toBeUndefined();
    expect(readOwnAddress(`${text}@domain1.example`)).toBeUndefined();
    expect(readTarget(text, true)).toBeUndefined();
  });
  test('nor does a text of more than one line', () => {
    expect(readText('a\r\nb')).toBeUndefined();
    expect(readText('a\u2028b')).toBeUndefined();
    expect(readText(' Ann Example ')).toBe('Ann Example');
  });
});

test('what people write is taken: capitals, U-labels, apostrophes', () => {
  expect(readOwnAddress("Ann.O'Neil@Domain1.Example")?.address).toBe("ann.o'neil@domain1.example");
  expect(readDomain('bücher.example')).toBe('xn--bcher-kva.example');
  expect(readOwnAddress('@domain1.example')).toBeUndefined();
  expect(readOwnAddress('@domain1.example', true)?.address).toBe('@domain1.example');
  expect(readTarget('Some.One+tag@Elsewhere.Example', false)).toBe('Some.One+tag@elsewhere.example');
  expect(readTarget('postmaster', true)).toBe('postmaster');
  expect(readTarget('postmaster', false)).toBeUndefined();
  for (const bad of ['', '.a', 'a.', 'a..b', 'a'.repeat(65)]) expect(readLocalPart(bad)).toBeUndefined();
  for (const bad of ['', 'localhost', '-a.example', 'a..example']) expect(readDomain(bad)).toBeUndefined();
});
