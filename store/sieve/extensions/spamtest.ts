import type { Call } from '../call.ts';
import { MATCHING_TAGS } from '../matching-tags.ts';
import { Value } from '../message.ts';
import type { Extension, Predicate } from '../program.ts';

function compileSpamtest(call: Call): Predicate {
  const isPercent = call.has('percent');
  const matches = call.matcher(0);
  const isCount = call.matchKind === 'count';
  return (run) => {
    const percent = run.input.spamPercent;
    // RFC 5235 §2.2: the count tells whether the message was tested at all.
    if (isCount) return matches(run, percent === undefined ? [] : [new Value('1')]);
    if (isPercent) return matches(run, [new Value(String(percent ?? 0))]);
    // RFC 5235 §2.1: 0 is untested, 1 is clean, 10 is spam for certain.
    const level = percent === undefined ? 0 : 1 + Math.round((percent * 9) / 100);
    return matches(run, [new Value(String(level))]);
  };
}

/** RFC 5235 §2.1. */
export const spamtest: Extension = {
  capability: 'spamtest',
  tests: [{ name: 'spamtest', tags: MATCHING_TAGS, takes: ['string'], compile: compileSpamtest }],
};

/** RFC 5235 §2.2: `:percent`. */
export const spamtestplus: Extension = {
  capability: 'spamtestplus',
  tags: [{ tag: { name: 'percent' }, on: ['spamtest'] }],
};

/** RFC 5235 §2.3: 0 is untested, 1 is clean, 5 is a virus for certain. */
export const virustest: Extension = {
  capability: 'virustest',
  tests: [
    {
      name: 'virustest',
      tags: MATCHING_TAGS,
      takes: ['string'],
      compile(call) {
        const matches = call.matcher(0);
        const isCount = call.matchKind === 'count';
        return (run) => {
          const level = run.input.virusLevel;
          if (isCount) return matches(run, level === undefined ? [] : [new Value('1')]);
          return matches(run, [new Value(String(level ?? 0))]);
        };
      },
    },
  ],
};
