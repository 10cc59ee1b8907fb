import { scanMessage } from '@postern/shared/message/mime-structure.ts';
import { describe, expect, test } from 'vitest';
import { bodyFromBodyStructure } from './body-from-bodystructure.ts';
import { renderBody, renderBodyStructure } from './bodystructure.ts';
import { FieldSelection } from './header-fields.ts';
import { ancestors, matchesPattern } from './mailbox-pattern.ts';

describe('mailbox patterns', () => {
  test.each([
    ['*', 'a/b', true],
    ['%', 'a/b', false],
    ['%', 'a', true],
    ['a/%', 'a/b', true],
    ['a/%', 'a/b/c', false],
    ['a*c', 'a/b/c', true],
    ['%/%', 'a/b', true],
    ['*%*', 'a/b', true],
    ['a', 'A', false],
    ['', '', true],
    ['%', '', true],
  ])('%s and %s: %s', (pattern, name, matches) => {
    expect(matchesPattern(pattern, name)).toBe(matches);
  });

  test('a pattern of many wildcards costs no more than its length', () => {
    const started = performance.now();
    expect(matchesPattern(`${'*%'.repeat(500)}b`, 'a'.repeat(1000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test('ancestors, the highest first', () => {
    expect(ancestors('a/b/c')).toEqual(['a', 'a/b']);
    expect(ancestors('a')).toEqual([]);
  });
});

describe('header fields', () => {
  const header = Buffer.from('A: 1\r\nb : 2\r\n folded\r\nbroken\r\nC: 3\r\na: 4\r\n\r\n');

  test('by name in any case, folding kept, in the order of the message', () => {
    expect(new FieldSelection(['a', 'B'], false).of(header).toString()).toBe(
      'A: 1\r\nb : 2\r\n folded\r\na: 4\r\n\r\n',
    );
  });

  test('all others; what has no name belongs to none', () => {
    expect(new FieldSelection(['A', 'X'], true).of(header).toString()).toBe('b : 2\r\n folded\r\nC: 3\r\n\r\n');
    expect(new FieldSelection(['A'], false).of(Buffer.alloc(0)).toString()).toBe('\r\n');
  });
});

describe('BODY from BODYSTRUCTURE', () => {
  const multipart = (parts: readonly string[], subtype = 'mixed'): string =>
    `Content-Type: multipart/${subtype}; boundary="b${parts.length}${subtype}"\r\n\r\n${parts
      .map((part) => `--b${parts.length}${subtype}\r\n${part}\r\n`)
      .join('')}--b${parts.length}${subtype}--\r\n`;
  const text = 'Content-Type: text/html; charset="a\\"b"\r\nContent-Disposition: inline; filename=x\r\n\r\n<p>';
  const image = 'Content-Type: image/png\r\nContent-MD5: x\r\nContent-Language: de, en\r\n\r\nAAAA';
  const inner = 'From: "a" <a@x.example>, b@x.example\r\nSubject: \xe9 (x\r\n\r\ntext';

  test.each([
    ['text', text],
    ['image', image],
    ['multipart', multipart([text, image, multipart([text], 'alternative')])],
    ['message', `Content-Type: message/rfc822\r\n\r\n${inner}`],
    ['message in multipart', multipart([`Content-Type: message/rfc822\r\n\r\n${multipart([text, image])}`])],
    ['nothing', ''],
  ])('%s', (_name, message) => {
    const scan = scanMessage(Buffer.from(message, 'latin1'));
    expect(bodyFromBodyStructure(renderBodyStructure(scan)).toString('latin1')).toBe(
      renderBody(scan).toString('latin1'),
    );
  });
});
