import { compileRules, readRules } from '@postern/gateway/webmail/app/settings/filters/compile.ts';
import {
  ACTIONS,
  type Action,
  COMPARISONS,
  type Condition,
  FIELDS,
  type Rule,
} from '@postern/gateway/webmail/app/settings/filters/rule.ts';
import { checkScript } from '@postern/store/sieve/check.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const word = fc.string({ maxLength: 30, unit: 'binary' });
const condition: fc.Arbitrary<Condition> = fc.record({
  field: fc.constantFrom(...FIELDS.filter((each) => each !== 'size')),
  comparison: fc.constantFrom(...COMPARISONS),
  value: word,
});
const action: fc.Arbitrary<Action> = fc.record({
  kind: fc.constantFrom(...ACTIONS.filter((each) => each !== 'label' && each !== 'forward')),
  value: fc.stringMatching(/^[a-z"\\/ ]{1,20}x$/),
});
const rule: fc.Arbitrary<Rule> = fc.record({
  name: word,
  enabled: fc.boolean(),
  match: fc.constantFrom('all' as const, 'any' as const),
  conditions: fc.array(condition, { minLength: 1, maxLength: 3 }),
  actions: fc.array(action, { minLength: 1, maxLength: 3 }),
  stop: fc.boolean(),
});

describe('rules as Sieve', () => {
  test('whatever is typed, the script compiles, and reads back as the same rules', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 4 }), (rules) => {
        const script = compileRules(rules);
        expect(readRules(script)).toEqual(rules);
        expect(checkScript(script)).toMatchObject({ ok: true });
        expect(script).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
      }),
    );
  });
  test('quotes and stars of the user’s are no syntax', () => {
    const rules: Rule[] = [
      {
        name: 'x',
        enabled: true,
        match: 'all',
        stop: true,
        conditions: [
          { field: 'subject', comparison: 'begins', value: '50% off*" { discard; } "' },
          { field: 'size', comparison: 'over', value: '1.5' },
        ],
        actions: [{ kind: 'move', value: 'A "b" \\c' }],
      },
    ];
    const script = compileRules(rules);
    expect(script).toContain('"50% off\\\\*\\" { discard; } \\"*"');
    expect(script).toContain('size :over 1536K');
    expect(checkScript(script)).toMatchObject({ ok: true });
  });
  test('what was changed by hand is not taken for rules', () => {
    const script = compileRules([]);
    expect(readRules(script)).toEqual([]);
    expect(readRules(`${script}keep;\n`)).toBeUndefined();
    expect(readRules('keep;')).toBeUndefined();
  });
});
