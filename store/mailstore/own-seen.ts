import { ALL_CARRIED, type CarriedFlags } from './copies.ts';
import { SEEN } from './flags.ts';
import type { FlagActor } from './mailstore.ts';
import { readSeenBy, storeSeenBy } from './store-flags.ts';
import type { CountedMessage } from './transfer.ts';
import { uidRuns } from './uid-ranges.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

/**
 * What a copy takes along by itself: the flags that its actor may set in the target (RFC 4314 §4). \Seen is carried by
 * {@link carrySeen}, where one of the mailboxes is another one's: there the bit in the message is its owner's.
 */
export function flagsCarried(from: LockedMailbox, to: LockedMailbox, by: FlagActor | undefined): CarriedFlags {
  if (by === undefined) return ALL_CARRIED;
  const own = from.ownerId === by.accountId && to.ownerId === by.accountId;
  return { system: own ? by.system : by.system & ~SEEN, keywords: by.keywords };
}

/** Marks the copies that the actor has seen as seen by the actor, where {@link flagsCarried} left that open. */
export async function carrySeen(
  scope: WriteScope,
  from: LockedMailbox,
  to: LockedMailbox,
  messages: readonly CountedMessage[],
  newUids: readonly number[],
  by: FlagActor,
): Promise<void> {
  const own = from.ownerId === by.accountId && to.ownerId === by.accountId;
  if (own || (by.system & SEEN) === 0) return;
  const seenThere =
    from.ownerId === by.accountId
      ? undefined
      : await readSeenBy(scope, from.id, by.accountId, uidRuns(messages.map(({ uid }) => uid)));
  const seen = newUids.filter((_, index) => {
    const message = messages[index];
    if (message === undefined) return false;
    return seenThere === undefined ? (message.flags & SEEN) !== 0 : seenThere.get(message.uid)?.seen === true;
  });
  if (seen.length === 0) return;
  if (to.ownerId !== by.accountId) {
    await storeSeenBy(scope, to, by.accountId, seen, true);
    return;
  }
  await scope.transaction.later(
    `UPDATE message SET flags = flags | ${SEEN} WHERE mailbox_id = ${to.id} AND ${uidRuns(seen)}`,
  );
  to.unseen -= seen.length;
}
