import type { Extension } from '../program.ts';

const ON = ['address', 'envelope'];

/** RFC 5233: `user+detail@domain`. */
export const subaddress: Extension = {
  capability: 'subaddress',
  tags: [
    { tag: { name: 'user', group: 'address-part' }, on: ON },
    { tag: { name: 'detail', group: 'address-part' }, on: ON },
  ],
};
