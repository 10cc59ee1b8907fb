import { findEntry } from '@postern/shared/settings/entries.ts';
import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import type { SettingHandler, SettingOutcome, SettingPlace } from './setting.ts';

/** A new value of an entry that is kept as it is. */
export interface KeptChange {
  readonly place: SettingPlace;
  /** In lower case. */
  readonly name: string;
  /** Undefined removes. */
  readonly value: Buffer | undefined;
}

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
    const changes = [{ place, name, value }];
    const refused = await refusedAsTooMany(changes);
    if (refused === undefined) await writeKept(changes);
    return refused ?? 'done';
  },
};

/** RFC 5464 §4.3 TOOMANY: undefined when there is room for all of them. */
export async function refusedAsTooMany(changes: readonly KeptChange[]): Promise<SettingOutcome | undefined> {
  for (const { place, name, value } of changes) {
    const entry = findEntry(name, place.mailbox === undefined ? 'server' : 'mailbox');
    if (entry?.maxEntries === undefined || value === undefined) continue;
    const names = new Set((await kept.read(place, entry)).map((each) => each.name));
    for (const each of changes) {
      if (!belongs(each.name, entry)) continue;
      if (each.value === undefined) names.delete(each.name);
      else names.add(each.name);
    }
    if (names.size > entry.maxEntries) return { kind: 'refused', code: 'METADATA TOOMANY', why: 'Too many of these' };
  }
  return undefined;
}

/** All of them or none (RFC 5464 §4.3). */
export async function writeKept(changes: readonly KeptChange[]): Promise<void> {
  const [first] = changes;
  await first?.place.mailstore.settings.write(
    changes.map(({ place, name, value }) => {
      const { accountId, mailbox } = place;
      return { accountId, mailbox, entry: name, value };
    }),
  );
}
