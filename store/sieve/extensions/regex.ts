import { MATCHING } from '../matching-tags.ts';
import type { Extension } from '../program.ts';

/** draft-ietf-sieve-regex: POSIX extended regular expressions; groups become match variables. */
export const regex: Extension = {
  capability: 'regex',
  tags: [{ tag: { name: 'regex', group: 'match-type' }, on: MATCHING }],
};
