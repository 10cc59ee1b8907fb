import { checkScript } from '../sieve/check.ts';
import type { SettingHandler, SettingOutcome } from './setting.ts';

const nameOf = (entryName: string): string => entryName.slice(entryName.lastIndexOf('/') + 1);
/** Names that an entry can carry; scripts of other names are ManageSieve's alone. */
const ENTRY_NAME = /^[a-z0-9._-]{1,64}$/;

/** The account's scripts, each an entry. */
export const sieveScript: SettingHandler = {
  together: 'put-back',
  async read({ mailstore, accountId }, entry) {
    const found: { name: string; value: Buffer }[] = [];
    for (const { name } of await mailstore.scripts.list(accountId)) {
      const text = ENTRY_NAME.test(name) ? await mailstore.scripts.get(accountId, name) : undefined;
      if (text !== undefined) found.push({ name: entry.name.replace('*', name), value: Buffer.from(text) });
    }
    return found;
  },
  async write({ mailstore, accountId, language }, entryName, value): Promise<SettingOutcome> {
    const name = nameOf(entryName);
    if (value === undefined) {
      const outcome = await mailstore.scripts.delete(accountId, name);
      return outcome === 'is-active' ? { kind: 'refused', code: 'CANNOT', why: 'The active script stays' } : 'done';
    }
    const text = value.toString('utf8');
    const checked = checkScript(text, language);
    if (!checked.ok) {
      const [first] = checked.errors;
      return { kind: 'refused', code: 'CANNOT', why: `line ${first?.line ?? 1}: ${first?.message ?? 'not a script'}` };
    }
    const outcome = await mailstore.scripts.put(accountId, name, text);
    if (outcome === 'stored') return 'done';
    const code = outcome === 'too-many-scripts' ? 'METADATA TOOMANY' : 'OVERQUOTA';
    return { kind: 'refused', code, why: `Scripts: ${outcome}` };
  },
};

/** Which of them is active. */
export const sieveActive: SettingHandler = {
  together: 'put-back',
  async read({ mailstore, accountId }, entry) {
    const active = await mailstore.scripts.active(accountId);
    return active === undefined ? [] : [{ name: entry.name, value: Buffer.from(active.name) }];
  },
  async write({ mailstore, accountId }, _name, value) {
    const outcome = await mailstore.scripts.setActive(accountId, value?.toString('utf8'));
    return outcome === 'done' ? 'done' : { kind: 'refused', code: 'NONEXISTENT', why: 'No such script' };
  },
};
