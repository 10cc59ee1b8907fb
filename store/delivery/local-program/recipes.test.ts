import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkScript } from '../../sieve/check.ts';

/** The recipes of docs/local-delivery.md, as they stand there. */
const page = readFileSync(join(import.meta.dirname, '../../../docs/local-delivery.md'), 'utf8');
const rows = page
  .slice(page.indexOf('| procmail | Sieve |'))
  .split('\n')
  .slice(2)
  .filter((line) => line.startsWith('|'));
const recipes = rows.map((row) => row.split(/(?<!\\)\|/)[2]?.trim() ?? '');

test('there are recipes', () => {
  expect(recipes.length).toBeGreaterThanOrEqual(10);
});

test.each(recipes)('%s', (cell) => {
  const [script = '', named] = [...cell.matchAll(/`([^`]*)`/g)].map(([, code]) => code);
  const needs = named ?? (/fileinto/.test(script) ? 'require "fileinto";' : '');
  const checked = checkScript(`${needs}\n${script}`);
  expect(checked).toMatchObject({ ok: true });
});
