import { expect, test } from 'vitest';
import { filterOf, readSearch, writeSearch } from './search-query.ts';

const findMailboxId = (name: string): string | undefined => (name === 'archive' ? 'M3' : undefined);
const filter = (query: string): unknown => filterOf(readSearch(query), findMailboxId);

test('words, chips, quotes', () => {
  expect(readSearch('from:jane "two words" has:attachment budget')).toEqual({
    text: '"two words" budget',
    chips: [
      { kind: 'from', value: 'jane' },
      { kind: 'has', value: 'attachment' },
    ],
  });
  expect(writeSearch(readSearch('budget from:"Jane Doe" is:unread'))).toBe('from:"Jane Doe" is:unread budget');
});

test('what is no narrowing stays a word', () => {
  for (const word of ['https://example.com', 'is:nothing', 'before:soon', 'larger:big', 'from:']) {
    expect(readSearch(word)).toEqual({ text: word, chips: [] });
  }
});

test('filters', () => {
  expect(filter('')).toBeUndefined();
  expect(filter('from:jane')).toEqual({ from: 'jane' });
  expect(filter('in:archive budget')).toEqual({
    operator: 'AND',
    conditions: [{ inMailbox: 'M3' }, { text: 'budget' }],
  });
  expect(filter('in:nowhere')).toEqual({ inMailbox: 'none' });
  expect(filter('is:starred')).toEqual({ hasKeyword: '$flagged' });
  expect(filter('larger:5M')).toEqual({ minSize: 5_000_000 });
  expect(filter('after:2026-02-03')).toEqual({ after: new Date(2026, 1, 3).toISOString() });
});
