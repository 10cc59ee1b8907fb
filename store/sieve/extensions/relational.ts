import { MATCHING } from '../matching-tags.ts';
import type { Extension } from '../program.ts';

/** RFC 5231. */
export const relational: Extension = {
  capability: 'relational',
  tags: [
    { tag: { name: 'count', value: 'string', group: 'match-type' }, on: MATCHING },
    { tag: { name: 'value', value: 'string', group: 'match-type' }, on: MATCHING },
  ],
};
