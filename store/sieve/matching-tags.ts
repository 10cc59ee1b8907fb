import type { TagDefinition } from './program.ts';

/** RFC 5228 §2.7: MATCH-TYPE and COMPARATOR, which all tests of texts take. */
export const MATCHING_TAGS: readonly TagDefinition[] = [
  { name: 'is', group: 'match-type' },
  { name: 'contains', group: 'match-type' },
  { name: 'matches', group: 'match-type' },
  { name: 'comparator', value: 'string' },
];

/** Tests and commands that take them: other match types are added to these. */
export const MATCHING: readonly string[] = [
  'address',
  'body',
  'currentdate',
  'date',
  'deleteheader',
  'envelope',
  'environment',
  'hasflag',
  'header',
  'notify_method_capability',
  'spamtest',
  'string',
  'virustest',
];

/** RFC 5228 §2.7.4: ADDRESS-PART. */
export const ADDRESS_PART_TAGS: readonly TagDefinition[] = [
  { name: 'all', group: 'address-part' },
  { name: 'localpart', group: 'address-part' },
  { name: 'domain', group: 'address-part' },
];
