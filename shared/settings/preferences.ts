import { readJsonObject, type SettingEntry } from './entry.ts';

/** What webmail remembers for its user: one JSON object. */
export const preferences: SettingEntry = {
  name: '/private/vendor/postern/preferences',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 65_536,
  check: (value) => (readJsonObject(value) === undefined ? 'not a JSON object' : undefined),
};
