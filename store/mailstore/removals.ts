import { DELETED } from './flags.ts';
import type { MailboxViews } from './mailbox-views.ts';
import type { ExpungeResult } from './mailstore.ts';
import { Abandon } from './transaction.ts';
import { removeReading } from './transfer.ts';
import { slicesOf, uidRuns } from './uid-ranges.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

/** Messages of one transaction. */
const SLICE = 5000;

/** Runs `work` with a mailbox locked. */
export type InLockedMailbox = (
  mailboxId: number,
  work: (scope: WriteScope, mailbox: LockedMailbox) => Promise<ExpungeResult | Abandon<ExpungeResult>>,
) => Promise<ExpungeResult>;

/** Which messages go. */
export interface Removal {
  /** Ascending; undefined: all that have \Deleted. */
  readonly uids: ArrayLike<number> | undefined;
  /** Of these, only those with \Deleted. */
  readonly deletedAlone: boolean;
  readonly byUser: string | undefined;
}

/** Removes messages of a mailbox for good, slice by slice; the view of the mailbox, where it is in memory, learns what is gone. */
export async function removeInSlices(
  inLockedMailbox: InLockedMailbox,
  views: Pick<MailboxViews, 'at'>,
  mailboxId: number,
  { uids, deletedAlone, byUser }: Removal,
): Promise<ExpungeResult> {
  const gone: number[] = [];
  const slices: (Uint32Array | 'all')[] = uids === undefined ? ['all'] : slicesOf(uids, SLICE);
  let modSeq = 0;
  let from = 1;
  for (let i = 0; i < slices.length; i++) {
    const slice = slices[i] as Uint32Array | 'all';
    const result = await inLockedMailbox(mailboxId, async (scope, mailbox) => {
      const before = mailbox.highestModSeq;
      const nothing: ExpungeResult = { kind: 'expunged', uids: [], modSeq: before };
      if (deletedAlone && mailbox.deleted === 0) return new Abandon(nothing);
      const view = views.at(mailboxId, mailbox);
      const inSlice = slice === 'all' ? `uid >= ${from}` : uidRuns(slice);
      const condition = deletedAlone ? `${inSlice} AND (flags & ${DELETED}) <> 0` : inSlice;
      // The counter is exact: mostly all of them fit into one slice.
      const most = slice === 'all' && mailbox.deleted > SLICE ? SLICE : 0;
      const messages = await removeReading(scope, mailbox, condition, most, byUser);
      if (messages.length === 0) return new Abandon(nothing);
      const removed = messages.map(({ uid }) => uid);
      const { highestModSeq } = mailbox;
      scope.transaction.afterCommit(() => view?.learnExpunged(removed, before, highestModSeq));
      await scope.save();
      return { kind: 'expunged', uids: removed, modSeq: highestModSeq };
    });
    if (result.kind !== 'expunged') return result;
    for (const uid of result.uids) gone.push(uid);
    modSeq = result.modSeq;
    // All that are \Deleted: another slice as long as one comes back full.
    if (slice === 'all' && result.uids.length === SLICE) slices.push('all');
    from = slice === 'all' ? (result.uids.at(-1) ?? 0) + 1 : 1;
  }
  return { kind: 'expunged', uids: gone, modSeq };
}
