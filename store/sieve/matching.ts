import type { Comparator } from './comparator.ts';
import { ASCII_CASEMAP } from './comparator.ts';
import { Glob } from './glob.ts';
import type { Value } from './message.ts';
import { compileRegularExpression, type RegularExpression } from './regular-expression.ts';
import type { Run } from './run.ts';
import { areConstant, type Text, textsOf } from './text.ts';

export type Relation = 'gt' | 'ge' | 'lt' | 'le' | 'eq' | 'ne';

/** How values are held against keys (RFC 5228 §2.7.1; RFC 5231; draft-ietf-sieve-regex). */
export type MatchType =
  | { readonly kind: 'is' | 'contains' | 'matches' | 'regex' }
  | { readonly kind: 'count' | 'value'; readonly relation: Relation };

/** Whether any of the values matches any of the keys. */
export type Matcher = (run: Run, values: readonly Value[]) => boolean;

/** Whether one value matches; sets the match variables when it does and they are wanted. */
type KeyTest = (run: Run, value: Value) => boolean;

export interface Matching {
  readonly type: MatchType;
  readonly comparator: Comparator;
  /** The script requires `variables`, and the test takes part in match variables. */
  readonly captures: boolean;
}

/** Compiles keys. Constant ones are prepared once for all messages. */
export function compileMatcher(matching: Matching, keys: readonly Text[]): Matcher {
  const { type } = matching;
  if (type.kind === 'count') return countMatcher(matching, type.relation, keys);
  if (areConstant(keys)) return anyOf(keyTest(matching, keys));
  return (run, values) => anyOf(keyTest(matching, textsOf(run, keys)))(run, values);
}

function anyOf(test: KeyTest): Matcher {
  return (run, values) => {
    for (const value of values) if (test(run, value)) return true;
    return false;
  };
}

function keyTest(matching: Matching, keys: readonly string[]): KeyTest {
  const { comparator, type } = matching;
  const fold = (value: Value): string => (comparator === ASCII_CASEMAP ? value.folded : comparator.fold(value.text));
  switch (type.kind) {
    case 'is': {
      const folded = new Set(keys.map((key) => comparator.fold(key)));
      return (_run, value) => folded.has(fold(value));
    }
    case 'contains': {
      const folded = keys.map((key) => comparator.fold(key));
      const longest = folded.reduce((most, key) => Math.max(most, key.length), 0);
      const cost = folded.length * (1 + longest / 32);
      return (run, value) => {
        const text = fold(value);
        run.spend(text.length * cost);
        return folded.some((key) => text.includes(key));
      };
    }
    case 'matches': {
      const globs = keys.map((key) => ({ glob: new Glob(key, comparator), cost: globCost(key) }));
      return (run, value) => {
        for (const { glob, cost } of globs) {
          run.spend(value.text.length * cost);
          const found = glob.match(value.text);
          if (found === undefined) continue;
          if (matching.captures) run.frame.matched = found;
          return true;
        }
        return false;
      };
    }
    case 'regex':
      return regexTest(matching, keys);
    case 'value': {
      const { relation } = type;
      return (_run, value) => keys.some((key) => holds(relation, comparator.compare(value.text, key)));
    }
    case 'count':
      throw new Error('counts are compared, not values');
  }
}

/** Work for each character of the text: only segments with `?` are looked for place by place. */
const globCost = (pattern: string): number => 1 + pattern.length / (pattern.includes('?') ? 1 : 32);

/** Work for each character and instruction of an expression. */
const REGEX_COST = 30;

function regexTest(matching: Matching, keys: readonly string[]): KeyTest {
  const expressions = new Map<string, RegularExpression>();
  const { ignoresCase } = matching.comparator;
  return (run, value) => {
    for (const key of keys) {
      let expression = expressions.get(key);
      if (expression === undefined) {
        if (key.length > run.limits.maxPatternLength) run.fail('a regular expression is too long');
        const compiled = compileRegularExpression(key, ignoresCase);
        // One made of variables may turn out to be none; constant ones were checked when the script was compiled.
        if (typeof compiled === 'string') return run.fail(`not a regular expression: ${compiled}`);
        expression = compiled;
        expressions.set(key, expression);
      }
      const text = value.text.slice(0, run.limits.maxPatternInput);
      run.spend(text.length * expression.size * REGEX_COST);
      const found = expression.match(text);
      if (found === undefined) continue;
      if (matching.captures) run.frame.matched = found;
      return true;
    }
    return false;
  };
}

/** RFC 5231 §4.2: the number of values, as a string, against the keys. */
function countMatcher({ comparator }: Matching, relation: Relation, keys: readonly Text[]): Matcher {
  return (run, values) => {
    const count = String(values.length);
    return textsOf(run, keys).some((key) => holds(relation, comparator.compare(count, key)));
  };
}

function holds(relation: Relation, order: number): boolean {
  switch (relation) {
    case 'gt':
      return order > 0;
    case 'ge':
      return order >= 0;
    case 'lt':
      return order < 0;
    case 'le':
      return order <= 0;
    case 'eq':
      return order === 0;
    case 'ne':
      return order !== 0;
  }
}
