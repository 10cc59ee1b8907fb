import { appPassword } from './app-password.ts';
import { privateComment, sharedComment } from './comment.ts';
import type { SettingEntry } from './entry.ts';
import { accountEntry, identity } from './identity.ts';
import { preferences } from './preferences.ts';
import { push } from './push.ts';
import { secondFactor } from './second-factor.ts';
import { sieveActive, sieveError, sieveScript } from './sieve.ts';
import { specialUse } from './special-use.ts';
import { outboxSends, submission } from './submission.ts';
import { token } from './token.ts';
import { vacation } from './vacation.ts';

/** Every entry that there is. */
export const SETTING_ENTRIES: readonly SettingEntry[] = [
  privateComment,
  sharedComment,
  specialUse,
  preferences,
  accountEntry,
  identity,
  token,
  push,
  sieveScript,
  sieveActive,
  sieveError,
  vacation,
  submission,
  outboxSends,
  secondFactor,
  appPassword,
];

/** The entry that a name belongs to, for the account (`server`) or a mailbox; undefined when there is none. */
export function findEntry(name: string, of: 'server' | 'mailbox'): SettingEntry | undefined {
  const lower = name.toLowerCase();
  return SETTING_ENTRIES.find((entry) => {
    if (entry.of !== of && entry.of !== 'both') return false;
    if (!entry.name.endsWith('/*')) return entry.name === lower;
    const prefix = entry.name.slice(0, -1);
    return lower.startsWith(prefix) && /^[a-z0-9._-]{1,64}$/.test(lower.slice(prefix.length));
  });
}
