import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Claim, where it stands, what shows it. */
const CLAIMS = [...textOf('docs/claims.md').matchAll(/^\| (?!claim|-)([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(
  ([, claim = '', where = '', shownBy = '']) => ({ claim, where, shownBy }),
);
/** Commands of any page: `npm run bench -- PART …`, `npm test -- PART`, `npm run SCRIPT`. */
const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

function commandsIn(text: string): string[] {
  return [...text.matchAll(/npm (?:run [\w:-]+|test|start)(?: -- [\w-]+)?/g)].map(([command]) => command);
}

/** Undefined when there is such a command. */
function whyNot(command: string): string | undefined {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  const [, script = '', , part] = /^npm (?:run )?([\w:-]+)( -- ([\w-]+))?$/.exec(command) ?? [];
  if (!Object.hasOwn(scripts, script)) return `no script ${script}`;
  if (part === undefined || part.startsWith('-') || part === 'PART') return undefined;
  if (script === 'bench')
    return textOf('test/bench/run.ts').includes(`part === '${part}'`) ? undefined : `no part ${part}`;
  if (script.startsWith('test'))
    return textOf('test/run.ts').includes(`name: '${part}'`) ? undefined : `no part ${part}`;
  return undefined;
}

describe('docs/claims.md', () => {
  it('has claims, each with a command or a file that shows it', () => {
    expect(CLAIMS.length).toBeGreaterThan(20);
    const bare = CLAIMS.filter(({ shownBy }) => !/`(npm |test\/)/.test(shownBy));
    expect(bare.map(({ claim }) => claim)).toEqual([]);
  });

  it('names pages and files that exist', () => {
    const named = CLAIMS.flatMap(({ where, shownBy }) => [
      ...where.split(',').map((page) => page.trim()),
      ...[...shownBy.matchAll(/`((?:test|store|gateway|shared|infra)\/[^`]+)`/g)].map(([, path = '']) => path),
    ]);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

it.each(PAGES)('%s names commands that exist', (page) => {
  const faults = commandsIn(textOf(page)).map((command) => ({ command, why: whyNot(command) }));
  expect(faults.filter(({ why }) => why !== undefined)).toEqual([]);
});

it('every part of the bench shows a claim, and docs/performance.md describes it', () => {
  const parts = [...textOf('test/bench/run.ts').matchAll(/part === '(\w+)'/g)].map(([, part = '']) => part);
  expect(parts).toContain('inbound');
  const commands = CLAIMS.flatMap(({ shownBy }) => commandsIn(shownBy));
  for (const part of parts) {
    expect(commands, `claim of ${part}`).toContain(`npm run bench -- ${part}`);
    expect(textOf('docs/performance.md'), `description of ${part}`).toContain(`\`${part}\``);
  }
});

it('knows a command that does not exist', () => {
  expect(whyNot('npm run bench -- nothing')).toBe('no part nothing');
  expect(whyNot('npm run nothing')).toBe('no script nothing');
});
