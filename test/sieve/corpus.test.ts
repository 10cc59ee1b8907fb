import { sieveCapabilities } from '@postern/store/sieve/check.ts';
import { describe, expect, it } from 'vitest';
import { readCases } from './case-file.ts';
import { runCase } from './run-case.ts';

const cases = readCases();

describe('the Sieve corpus', () => {
  it('has its three hundred cases, each of them once', () => {
    expect(cases.length).toBeGreaterThanOrEqual(300);
    const bodies = cases.map((each) =>
      JSON.stringify([each.script, each.message, [...each.given], [...each.personal]]),
    );
    expect(bodies.filter((body, n) => bodies.indexOf(body) !== n)).toEqual([]);
  });

  it('names a section for each of them, and shows every extension on offer', () => {
    const named = /(?:RFC \d{4}|draft-[a-z-]+(?:-\d\d)?) §\d/;
    expect(cases.map(({ title }) => title).filter((title) => !named.test(title))).toEqual([]);
    const scripts = cases.map(({ script }) => script).join('\n');
    const offered = sieveCapabilities({ enabled: ['editheader'] });
    expect(offered.filter((name) => !scripts.includes(`"${name}"`))).toEqual([]);
  });

  for (const each of cases) {
    it(`${each.file}:${each.line} ${each.title}`, () => {
      const found = runCase(each);
      // Errors are compared up to where the case ends: the words after that may change.
      const shortened = found.map((line, n) => {
        const wanted = each.expect[n] ?? '';
        return /^(?:error|fails) /.test(wanted) && line.startsWith(wanted) ? wanted : line;
      });
      expect(shortened).toEqual(each.expect);
    });
  }
});
