import { type PushSubscription, readPushSubscription } from '@postern/shared/settings/push.ts';
import { readSettings, writeSetting } from '../imap/metadata.ts';
import type { StoreConnection } from '../imap/store-connection.ts';

/** The subscriptions of one session (RFC 8620 §7.2: of the same credentials), by id. */
export async function readSubscriptions(
  connection: StoreConnection,
  session: string,
): Promise<Map<string, PushSubscription>> {
  const found = new Map<string, PushSubscription>();
  for (const [name, value] of await readSettings(connection, ['push'])) {
    const subscription = readPushSubscription(value);
    if (name.startsWith(entryOf(session, '')) && subscription !== undefined) {
      found.set(name.slice(entryOf(session, '').length), subscription);
    }
  }
  return found;
}

export const entryOf = (session: string, id: string): string => `push/${session}.${id}`;

/** Removes those of sessions that have ended; of `ended` in any case. */
export async function removeSubscriptions(connection: StoreConnection, ended?: string): Promise<void> {
  const there = await readSettings(connection, ['push', 'token']);
  for (const name of there.keys()) {
    const session = /^push\/(.+)\./.exec(name)?.[1];
    if (session === undefined || (session !== ended && there.has(`token/${session}-watch`))) continue;
    await writeSetting(connection, name, undefined);
  }
}
