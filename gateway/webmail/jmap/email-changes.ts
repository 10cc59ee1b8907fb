import { imap, piece } from '../imap/codec/command.ts';
import { readSequenceSet } from '../imap/codec/sequence-set.ts';
import type { AccountIndex, EmailChanges } from '../mail/account-index.ts';
import { noChanges } from '../mail/change-history.ts';
import { readEmailState, readWalk, walkState } from '../mail/states.ts';
import { MethodError } from './errors.ts';
import type { RequestContext } from './method.ts';

/**
 * What changed since a state: from what this process saw, else from the store's virtual mailbox of all mail, whose history knows of
 * every email that is gone. So a state is good across restarts. Undefined when neither reaches back so far.
 */
export async function emailChangesSince(
  index: AccountIndex,
  sinceState: string,
  context: RequestContext,
): Promise<EmailChanges | undefined> {
  if (sinceState === index.emailState) return noChanges();
  return index.history.since(sinceState, index.emailState) ?? (await changesOfAllMail(index, sinceState, context));
}

async function changesOfAllMail(
  index: AccountIndex,
  sinceState: string,
  { session }: RequestContext,
): Promise<EmailChanges | undefined> {
  const { all } = index.listing;
  const since = readEmailState(sinceState);
  if (all === undefined || since === undefined) return undefined;
  const { modSeq, uidNext, uidValidity } = since;
  // Undelete brings an email back under its old number, and changes the UIDVALIDITY for it.
  if (uidValidity !== all.uidValidity || modSeq > all.highestModSeq) return undefined;
  const changes = noChanges();
  const destroy = (uid: number): void => {
    // What came after the state and went again was never there for this client.
    if (uid < uidNext) changes.destroyed.set(`E${uid}`, undefined);
  };
  const known = await session.read(async (pooled) => {
    if (!(await pooled.select(all.name))) return false;
    const changed = piece`(CHANGEDSINCE ${modSeq} VANISHED)`;
    await pooled.connection.must(imap`UID FETCH 1:* (UID EMAILID) ${changed}`, ({ lines: [line = ''] }) => {
      const vanished = /^\* VANISHED (?:\(EARLIER\) )?([\d:,]+)$/i.exec(line)?.[1];
      if (vanished !== undefined) return readSequenceSet(vanished).forEach(destroy);
      const row = /UID (\d+).* EMAILID \(([A-Za-z0-9_-]+)\)/i.exec(line);
      if (row === null) return;
      const uid = Number(row[1]);
      const id = row[2] ?? '';
      if (index.emails.has(id)) (uid >= uidNext ? changes.created : changes.updated).add(id);
      // The index is as it was a moment ago: what is younger comes with the next state, what is older is marked \Deleted.
      else if (uid < all.uidNext) destroy(uid);
    });
    return true;
  });
  if (!known) return undefined;
  for (const id of changes.destroyed.keys()) if (index.emails.has(id)) changes.destroyed.delete(id);
  return changes;
}

/** One portion of changes (RFC 8620 §5.2). */
export interface EmailPortion {
  readonly changes: EmailChanges;
  /** Everything since the state where the walk began: what is new in it is new, whatever this portion holds. */
  readonly whole: EmailChanges;
  /** Emails up to this number were told before. */
  readonly afterUid: number;
  readonly newState: string;
  readonly hasMoreChanges: boolean;
}

/** At most `maxChanges` of them, in the order of their numbers; the new state knows how far they went. @throws MethodError */
export async function emailPortionSince(
  index: AccountIndex,
  sinceState: string,
  maxChanges: number | null | undefined,
  context: RequestContext,
): Promise<EmailPortion> {
  const whole = await emailChangesSince(index, readWalk(sinceState)?.from ?? sinceState, context);
  if (whole === undefined) throw new MethodError('cannotCalculateChanges');
  return portionOf(whole, sinceState, index.emailState, maxChanges ?? Number.POSITIVE_INFINITY);
}

/** @param whole what changed since the state where the walk began */
export function portionOf(whole: EmailChanges, sinceState: string, now: string, maxChanges: number): EmailPortion {
  const { from, to, afterUid } = readWalk(sinceState) ?? { from: sinceState, to: now, afterUid: 0 };
  // What came after the walk began belongs to the next one.
  const endUid = to === now ? Number.POSITIVE_INFINITY : (readEmailState(to)?.uidNext ?? 0);
  const uids = [...whole.created, ...whole.updated, ...whole.destroyed.keys()].map(numberOf);
  const left = uids.filter((uid) => uid > afterUid && uid < endUid).sort((a, b) => a - b);
  const told = new Set(left.slice(0, maxChanges));
  const isTold = (id: string): boolean => told.has(numberOf(id));
  const changes: EmailChanges = {
    created: new Set([...whole.created].filter(isTold)),
    updated: new Set([...whole.updated].filter(isTold)),
    destroyed: new Map([...whole.destroyed].filter(([id]) => isTold(id))),
  };
  const rest = left.length > told.size;
  if (rest && readEmailState(to) === undefined) throw new MethodError('cannotCalculateChanges', 'too many changes');
  const newState = rest ? walkState({ from, to, afterUid: Math.max(...told) }) : to;
  return { changes, whole, afterUid, newState, hasMoreChanges: newState !== now };
}

/** EMAILIDs of the store are `E` and the UID in the mailbox of all mail. */
export const numberOf = (emailId: string): number => Number(emailId.slice(1));

/** Threads that any of these emails is or was in; undefined when that is not known of one that is gone. */
export function threadsOf({ created, updated, destroyed }: EmailChanges, index: AccountIndex): Set<string> | undefined {
  const threads = new Set<string>();
  for (const id of [...created, ...updated]) {
    const email = index.emails.get(id);
    if (email !== undefined) threads.add(email.threadId);
  }
  for (const threadId of destroyed.values()) {
    if (threadId === undefined) return undefined;
    threads.add(threadId);
  }
  return threads;
}
