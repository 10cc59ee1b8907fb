import { findEntry } from '@postern/shared/settings/entries.ts';
import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import type { SettingHandler, SettingPlace } from './setting.ts';

const placeOf = ({ accountId, mailbox }: SettingPlace): [number, number] =>
  mailbox === undefined ? [accountId, 0] : [accountId, mailbox.id];

const belongs = (name: string, entry: SettingEntry): boolean =>
  entry.name.endsWith('/*') ? name.startsWith(entry.name.slice(0, -1)) : name === entry.name;

/** An entry that is kept as it is, and means something to clients alone. */
export const kept: SettingHandler = {
  async read(place, entry) {
    const all = await place.mailstore.settings.read(...placeOf(place));
    return all.filter((each) => belongs(each.entry, entry)).map((each) => ({ name: each.entry, value: each.value }));
  },
  async write(place, name, value) {
    const entry = findEntry(name, place.mailbox === undefined ? 'server' : 'mailbox');
    if (entry?.maxEntries !== undefined && value !== undefined) {
      const all = await place.mailstore.settings.read(...placeOf(place));
      const others = all.filter((each) => belongs(each.entry, entry) && each.entry !== name);
      if (others.length >= entry.maxEntries) return { kind: 'refused', code: 'LIMIT', why: 'Too many of these' };
    }
    await place.mailstore.settings.write(...placeOf(place), [{ entry: name, value }]);
    return 'done';
  },
};
