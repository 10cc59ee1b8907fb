import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
/** What a client from the Internet can hear is said in these; AUTH is answered where people submit mail. */
const SPEAKERS = ['shared/smtp/listener', 'shared/directory', 'gateway/relay/inbound'];
const ELSEWHERE = /auth\.ts$/;

test('docs/gateway.md lists every refusal with its code, and what an administrator does about it', () => {
  const page = readFileSync(join(ROOT, 'docs/gateway.md'), 'utf8');
  const listed = new Set(
    page
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .flatMap((line) => [...line.matchAll(/`([45]\d\d [45]\.\d+\.\d+)/g)].map(([, code]) => code)),
  );
  const said = new Map<string, string>();
  for (const folder of SPEAKERS) {
    for (const file of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts') || ELSEWHERE.test(file)) continue;
      const source = readFileSync(join(ROOT, folder, file), 'utf8');
      for (const [, code, enhanced, text] of source.matchAll(/reply\(\s*([45]\d\d),\s*'([\d.]+)',\s*[`']([^`']*)/g)) {
        said.set(`${code} ${enhanced}`, `${file}: ${text}`);
      }
    }
  }
  expect(said.size).toBeGreaterThan(30);
  expect([...said].filter(([code]) => !listed.has(code))).toEqual([]);
});
