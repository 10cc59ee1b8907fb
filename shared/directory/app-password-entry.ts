import type { Account } from './directory.ts';
import type { DirectorySettings } from './settings.ts';

/** The class that each entry of an app password has, and no account: docs/sign-in.md. */
export const APP_PASSWORD_CLASS = 'simpleSecurityObject';

/**
 * Where an account's app password stands: below the account, or below the base of the settings, named by the account's
 * UUID there. `name` is one of makeAppPassword, so nothing of it needs escaping (RFC 4514 §2.4).
 */
export function appPasswordDn(settings: DirectorySettings, account: Account, name: string): string {
  if (!/^[a-z2-7]+$/.test(name)) throw new Error('not the name of an app password');
  const ownName = settings.appPasswordsBaseDn === undefined ? name : `${name}.${account.uuid}`;
  return `cn=${ownName},${placeOfAppPasswords(settings, account)}`;
}

/** DN of the entry below which an account's app passwords stand. */
export function placeOfAppPasswords({ appPasswordsBaseDn }: DirectorySettings, account: Account): string {
  return appPasswordsBaseDn ?? account.dn;
}
