import type { SettingHandler } from './setting.ts';

/** What the directory says of the account: address and name. */
export const account: SettingHandler = {
  async read({ credentials }, entry) {
    const { address } = credentials.account;
    const { displayName } = credentials.entry;
    return [{ name: entry.name, value: Buffer.from(JSON.stringify({ address, displayName })) }];
  },
  async write() {
    return { kind: 'refused', code: 'CANNOT', why: 'It can only be read' };
  },
};
