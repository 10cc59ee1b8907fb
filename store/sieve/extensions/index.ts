import type { Extension } from '../program.ts';

const ON = ['header', 'address', 'date'];

/** RFC 5260 §6. */
export const index: Extension = {
  capability: 'index',
  tags: [
    { tag: { name: 'index', value: 'number' }, on: ON },
    { tag: { name: 'last' }, on: ON },
  ],
};
