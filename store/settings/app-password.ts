import { readAppPasswordRequest } from '@postern/shared/settings/app-password.ts';
import { appPasswordName } from '@postern/shared/sign-in/app-password.ts';
import { addAppPassword, removeAppPassword } from '../sign-in/credentials.ts';
import { outcomeOf, proven } from './proven.ts';
import type { SettingHandler } from './setting.ts';

/** App passwords of the account: made, listed, removed. */
export const appPassword: SettingHandler = {
  async read({ mailstore, accountId }, entry) {
    const records = await mailstore.appPasswords.list(accountId);
    return records.map(({ name, ...told }) => ({
      name: entry.name.replace('*', name),
      value: Buffer.from(JSON.stringify(told)),
    }));
  },
  async write({ credentials }, entryName, value) {
    const name = entryName.slice(entryName.lastIndexOf('/') + 1);
    if (value === undefined) return outcomeOf(await removeAppPassword(credentials, credentials, name));
    const request = readAppPasswordRequest(value);
    if (request === undefined || appPasswordName(request.appPassword) !== name) {
      return { kind: 'refused', code: 'CANNOT', why: 'The app password has another name' };
    }
    return proven(credentials, request, () => addAppPassword(credentials, credentials, request));
  },
};
