import { expect, test } from 'vitest';
import { blocksOf, piecesOf } from './plain-text.ts';

const links = (line: string): string[] =>
  piecesOf(line).flatMap((piece) => (piece.kind === 'link' ? [piece.href] : []));

test('links, without the sentence around them', () => {
  expect(links('see https://example.com/a?b=c.')).toEqual(['https://example.com/a?b=c']);
  expect(links('(https://example.com/a_(b))')).toEqual(['https://example.com/a_(b)']);
  expect(links('write to jane@example.com, please')).toEqual(['mailto:jane@example.com']);
});

test('nothing else becomes a link', () => {
  for (const line of ['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', '<a href="x">'])
    expect(links(line)).toEqual([]);
});

test('a link carries no markup: it ends before it', () => {
  expect(links('https://example.com/"onmouseover="alert(1)')).toEqual(['https://example.com/']);
  expect(piecesOf('<img src=x onerror=alert(1)>')).toEqual([{ kind: 'text', text: '<img src=x onerror=alert(1)>' }]);
});

test('quoting by depth', () => {
  expect(
    blocksOf('hello\r\n> one\r\n>> two\r\n> one again\r\n').map(({ depth, lines }) => [depth, lines.length]),
  ).toEqual([
    [0, 1],
    [1, 1],
    [2, 1],
    [1, 1],
  ]);
});

test('a line without end costs no more than its length', () => {
  expect(piecesOf('a@'.repeat(50_000))).toHaveLength(1);
});
