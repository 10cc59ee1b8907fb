import { checkText, type SettingEntry } from './entry.ts';

/** RFC 5464 §6.1.1, §6.2.1: a text that the user keeps about a mailbox, or about the account. */
export const privateComment: SettingEntry = {
  name: '/private/comment',
  of: 'both',
  writable: true,
  scope: 'all',
  maxBytes: 4096,
  check: checkText,
};

/** RFC 5464 §6.2.1: the same for everybody who sees the mailbox. */
export const sharedComment: SettingEntry = { ...privateComment, name: '/shared/comment', of: 'mailbox' };
