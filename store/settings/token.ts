import { readTokenRequest } from '@postern/shared/settings/token.ts';
import type { SettingHandler } from './setting.ts';

const nameOf = (entryName: string): string => entryName.slice(entryName.lastIndexOf('/') + 1);

/** Tokens of the account: made for the host that asks, listed, revoked. */
export const token: SettingHandler = {
  together: 'fails-alike',
  async read({ mailstore, accountId }, entry) {
    const tokens = await mailstore.tokens.list(accountId);
    return tokens.map(({ name, certificateName, scope, createdAtMs, expiresAtMs }) => ({
      name: entry.name.replace('*', name),
      value: Buffer.from(JSON.stringify({ certificateName, scope, createdAtMs, expiresAtMs })),
    }));
  },
  async write({ mailstore, accountId, certificateName, credentials }, entryName, value) {
    const name = nameOf(entryName);
    if (value === undefined) {
      await mailstore.tokens.revoke(accountId, name);
      return 'done';
    }
    if (certificateName === undefined) return { kind: 'refused', code: 'NOPERM', why: 'For trusted hosts alone' };
    const request = readTokenRequest(value);
    if (request === undefined) return { kind: 'refused', code: 'CANNOT', why: 'Not a request for a token' };
    await mailstore.tokens.put(accountId, {
      name,
      hash: Buffer.from(request.sha256, 'hex'),
      certificateName,
      scope: request.scope,
      expiresAtMs: Date.now() + request.lifetimeMs,
      passwordVersion: credentials.entry.passwordVersion,
    });
    return 'done';
  },
};
