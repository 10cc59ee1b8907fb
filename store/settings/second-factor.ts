import { readSecondFactorRequest } from '@postern/shared/settings/second-factor.ts';
import { turnSecondFactorOff, turnSecondFactorOn } from '../sign-in/credentials.ts';
import { proven } from './proven.ts';
import type { SettingHandler } from './setting.ts';

/** Whether codes are asked for, and since when. */
export const secondFactor: SettingHandler = {
  async read({ mailstore, accountId }, entry) {
    const sinceMs = await mailstore.secondFactors.sinceMs(accountId);
    const state = sinceMs === undefined ? { on: false } : { on: true, sinceMs };
    return [{ name: entry.name, value: Buffer.from(JSON.stringify(state)) }];
  },
  async write({ credentials }, _name, value) {
    const request = value && readSecondFactorRequest(value);
    // Turning it off asks for password and code as well, which NIL cannot carry.
    if (request === undefined) return { kind: 'refused', code: 'CANNOT', why: 'Give the password' };
    return proven(credentials, request, () =>
      request.off
        ? turnSecondFactorOff(credentials, credentials)
        : turnSecondFactorOn(credentials, credentials, request),
    );
  },
};
