import type { SettingHandler } from './setting.ts';

/** RFC 5230 for users who write no Sieve; changes take part in the version of the account's rules. */
export const vacation: SettingHandler = {
  together: 'put-back',
  async read({ mailstore, accountId }, entry) {
    const value = await mailstore.scripts.vacation(accountId);
    return value === undefined ? [] : [{ name: entry.name, value }];
  },
  async write({ mailstore, accountId }, _name, value) {
    await mailstore.scripts.setVacation(accountId, value);
    return 'done';
  },
};
