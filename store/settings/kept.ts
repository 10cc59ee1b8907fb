import { findEntry } from '@postern/shared/settings/entries.ts';
import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import type { SettingHandler, SettingOutcome, SettingPlace } from './setting.ts';

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
    return writeKept(place, [{ name, value }]);
  },
};

/** Several entries that are kept as they are: all or none (RFC 5464 §4.3). */
export async function writeKept(
  place: SettingPlace,
  changes: readonly { readonly name: string; readonly value: Buffer | undefined }[],
): Promise<SettingOutcome> {
  const there = new Set((await place.mailstore.settings.read(...placeOf(place))).map(({ entry }) => entry));
  for (const { name, value } of changes) {
    if (value === undefined) there.delete(name);
    else there.add(name);
  }
  for (const { name, value } of changes) {
    const entry = findEntry(name, place.mailbox === undefined ? 'server' : 'mailbox');
    if (entry?.maxEntries === undefined || value === undefined) continue;
    const all = [...there].filter((each) => belongs(each, entry));
    if (all.length > entry.maxEntries) return { kind: 'refused', code: 'LIMIT', why: 'Too many of these' };
  }
  await place.mailstore.settings.write(
    ...placeOf(place),
    changes.map(({ name, value }) => ({ entry: name, value })),
  );
  return 'done';
}
