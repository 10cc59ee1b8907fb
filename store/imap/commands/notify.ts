import { type NotifyArguments, readNotifyArguments } from '../codec/notify-arguments.ts';
import { KNOWN_EVENTS, METADATA_EVENTS } from '../codec/notify-events.ts';
import { no, ok } from '../completion.ts';
import { Notifications } from '../notify/notifications.ts';
import { type Command, SIGNED_IN } from './command.ts';

const METADATA: ReadonlySet<string> = new Set(METADATA_EVENTS);

/** RFC 5465 §3.1. NOTIFY SET implies NOOP, and replaces what was asked for before. */
export const notify: Command<NotifyArguments> = {
  name: 'NOTIFY',
  states: SIGNED_IN,
  expunges: true,
  refreshes: true,
  capability: 'NOTIFY',
  read: readNotifyArguments,
  async act(session, { status, groups }) {
    // What cannot be asked for cannot change.
    const known = KNOWN_EVENTS.filter((event) => session.offers('METADATA') || !METADATA.has(event)) as string[];
    if (groups?.some(({ events }) => [...events].some((event) => !known.includes(event)))) {
      return no(`BADEVENT (${known.join(' ')})`, 'Some of these events are not told');
    }
    session.notifyOf(undefined, groups === undefined);
    if (groups === undefined) return ok('NOTIFY completed');
    const notifications = new Notifications(session, groups);
    // Without a word of the selected mailbox nothing of it is wanted.
    const selected = groups.find(({ filter }) => filter.kind.startsWith('selected'));
    session.notifyOf(notifications, selected === undefined || selected.events.size === 0);
    await notifications.begin(status);
    return ok('NOTIFY completed');
  },
};
