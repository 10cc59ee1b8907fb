import type { SettingEntry } from './entry.ts';

const USES = /^\\(?:drafts|sent|junk|trash|archive)$/i;

/** RFC 6154 §4: what a mailbox is used for; the same that LIST tells. */
export const specialUse: SettingEntry = {
  name: '/private/specialuse',
  of: 'mailbox',
  writable: true,
  scope: 'watch',
  maxBytes: 32,
  check: (value) => (USES.test(value.toString('latin1')) ? undefined : 'not a use that a mailbox can be given'),
};
