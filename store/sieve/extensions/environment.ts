import { MATCHING_TAGS } from '../matching-tags.ts';
import { Value } from '../message.ts';
import type { Extension } from '../program.ts';
import { textOf } from '../text.ts';

/** RFC 5183. An item that is not known never matches. */
export const environment: Extension = {
  capability: 'environment',
  tests: [
    {
      name: 'environment',
      tags: MATCHING_TAGS,
      takes: ['string', 'strings'],
      compile(call) {
        const name = call.text(0);
        const matches = call.matcher(1);
        return (run) => {
          const item = textOf(run, name).toLowerCase();
          const { environment: items } = run.input;
          const value = Object.hasOwn(items, item) ? items[item] : undefined;
          return value !== undefined && matches(run, [new Value(value)]);
        };
      },
    },
  ],
};
