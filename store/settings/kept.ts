import type { SettingHandler, SettingPlace } from './setting.ts';

const placeOf = ({ accountId, mailbox }: SettingPlace): [number, number] =>
  mailbox === undefined ? [accountId, 0] : [accountId, mailbox.id];

/** An entry that is kept as it is, and means something to clients alone. */
export const kept: SettingHandler = {
  async read(place, entry) {
    const all = await place.mailstore.settings.read(...placeOf(place));
    return all.filter((each) => each.entry === entry.name).map((each) => ({ name: each.entry, value: each.value }));
  },
  async write(place, name, value) {
    await place.mailstore.settings.write(...placeOf(place), [{ entry: name, value }]);
    return 'done';
  },
};
