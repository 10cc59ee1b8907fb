import type { Extension } from '../program.ts';

/** RFC 3894: the implicit keep stays. */
export const copy: Extension = {
  capability: 'copy',
  tags: [{ tag: { name: 'copy' }, on: ['fileinto', 'redirect'] }],
};
