import { readJsonObject, type SettingEntry } from './entry.ts';

/** Who the account is, as the directory tells it: `{"address", "displayName"?}`. Can only be read. */
export const accountEntry: SettingEntry = {
  name: '/private/vendor/postern/account',
  of: 'server',
  writable: false,
  scope: 'watch',
  maxBytes: 0,
  check: () => 'it can only be read',
};

/** An address that the user writes as, with name and signatures: a JSON object. Whether it may be used is judged when something is sent. */
export const identity: SettingEntry = {
  name: '/private/vendor/postern/identity/*',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 65_536,
  maxEntries: 100,
  check(value) {
    const { email } = readJsonObject(value) ?? {};
    return typeof email === 'string' && /^[^\s<>]{1,64}@[^\s<>]{1,253}$/.test(email) ? undefined : 'not an identity';
  },
};
