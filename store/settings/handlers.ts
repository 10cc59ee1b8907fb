import { appPassword as appPasswordEntry } from '@postern/shared/settings/app-password.ts';
import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import { accountEntry } from '@postern/shared/settings/identity.ts';
import { secondFactor as secondFactorEntry } from '@postern/shared/settings/second-factor.ts';
import { sieveActive as sieveActiveEntry, sieveScript as sieveScriptEntry } from '@postern/shared/settings/sieve.ts';
import { specialUse as specialUseEntry } from '@postern/shared/settings/special-use.ts';
import { submission as submissionEntry } from '@postern/shared/settings/submission.ts';
import { token as tokenEntry } from '@postern/shared/settings/token.ts';
import { vacation as vacationEntry } from '@postern/shared/settings/vacation.ts';
import { account } from './account.ts';
import { appPassword } from './app-password.ts';
import { kept } from './kept.ts';
import { secondFactor } from './second-factor.ts';
import type { SettingHandler } from './setting.ts';
import { sieveActive, sieveScript } from './sieve.ts';
import { specialUse } from './special-use.ts';
import { submission } from './submission.ts';
import { token } from './token.ts';
import { vacation } from './vacation.ts';

const HANDLERS: ReadonlyMap<SettingEntry, SettingHandler> = new Map([
  [accountEntry, account],
  [specialUseEntry, specialUse],
  [submissionEntry, submission],
  [tokenEntry, token],
  [sieveScriptEntry, sieveScript],
  [sieveActiveEntry, sieveActive],
  [vacationEntry, vacation],
  [secondFactorEntry, secondFactor],
  [appPasswordEntry, appPassword],
]);

/** What an entry does; those without a file of their own are kept as they are. */
export function handlerOf(entry: SettingEntry): SettingHandler {
  return HANDLERS.get(entry) ?? kept;
}
