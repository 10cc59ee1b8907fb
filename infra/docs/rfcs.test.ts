import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const FOLDERS = ['shared', 'gateway', 'store', 'infra', 'schema'];

/** RFCs that the product cites, each with a file that does. */
function cited(): Map<number, string> {
  const files = globSync(
    FOLDERS.map((folder) => `${folder}/**/*.{ts,tsx,mjs,cjs,yaml}`),
    { cwd: root, exclude: (path) => /(?:^|\/)(?:node_modules|dist)(?:\/|$)/.test(path) },
  );
  const found = new Map<number, string>();
  for (const file of files) {
    for (const [, number] of readFileSync(join(root, file), 'utf8').matchAll(/\bRFC ?(\d{3,5})(?!\d)/g)) {
      if (!found.has(Number(number))) found.set(Number(number), file);
    }
  }
  return found;
}

/** Numbers of the rows, in their order. */
function rows(): number[] {
  const table = readFileSync(join(root, 'docs', 'rfcs.md'), 'utf8');
  return [...table.matchAll(/^\| (\d+) \| [^|]+ \| [^|]+ \| [^|]+ \|$/gm)].map(([, number]) => Number(number));
}

describe('docs/rfcs.md', () => {
  it('has a row for each RFC that the code cites', () => {
    const known = new Set(rows());
    const missing = [...cited()].filter(([number]) => !known.has(number));
    expect(missing.map(([number, file]) => `RFC ${number}, cited in ${file}, has no row`)).toEqual([]);
  });

  it('has no row that the code does not cite', () => {
    const used = cited();
    expect(rows().filter((number) => !used.has(number))).toEqual([]);
  });

  it('has one row each, in order', () => {
    expect(rows()).toEqual([...new Set(rows())].sort((a, b) => a - b));
  });
});
