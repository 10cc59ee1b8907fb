import type { FlagActor } from '../../mailstore/mailstore.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { formatSequenceSet, type SequenceSet } from '../codec/sequence-set.ts';
import { no, ok } from '../completion.ts';
import { findMailbox, overQuota, tryCreate } from '../mailbox-argument.ts';
import { sequenceRanges, uidsOf } from '../message-set.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import { refusedIntoOutbox, sendFromOutbox } from '../outbox.ts';
import { changeableFlags, quotaOf, quotaUnknown, refusal, uidCode } from '../rights.ts';
import type { Session } from '../session.ts';
import { type Command, SELECTED } from './command.ts';

interface Arguments {
  readonly set: SequenceSet;
  readonly mailbox: string;
}

/** RFC 9051 §6.4.7 COPY, §6.4.8 MOVE, with COPYUID (RFC 4315 §3). All messages or none. */
function transferring(how: 'COPY' | 'MOVE', uid: boolean): Command<Arguments> {
  return {
    name: uid ? `UID ${how}` : how,
    states: SELECTED,
    // A COPY by sequence number leaves the numbers alone; MOVE tells them as they go (RFC 6851 §3.3).
    expunges: uid || how === 'MOVE',
    counts: !uid,
    refreshes: true,
    removes: how === 'MOVE',
    ...(how === 'MOVE' ? { capability: 'MOVE' } : {}),
    read(args: ArgumentReader) {
      args.space();
      const set = args.sequenceSet();
      args.space();
      return { set, mailbox: args.astring() };
    },
    async act(session, { set, mailbox: octets }) {
      const { view, readOnly } = session.selected;
      if (how === 'MOVE' && readOnly) return no('READ-ONLY', 'The mailbox was opened read-only');
      const target = await findMailbox(session, octets);
      if (target === undefined) return tryCreate();
      const refused = refusal(target, 'i') ?? (how === 'MOVE' ? refusal(session.selected, 'te') : undefined);
      if (refused !== undefined) return refused;
      const uids = uidsOf(view, sequenceRanges(session.selected, set, uid));
      if (uids.length === 0) return ok(`${how} completed`);
      const refusedHere = await refusedIntoOutbox(session, target, how, uids.length);
      if (refusedHere !== undefined) return refusedHere;
      const { messages } = session.mailstore;
      const quota = await quotaOf(session, target);
      if (quota === 'unknown') return quotaUnknown();
      const by = actorOfCopy(session, session.selected.mailbox, target);
      const result = await session.whileWorking(
        how === 'COPY'
          ? messages.copy(view.mailboxId, uids, target.id, quota, by)
          : messages.move(view.mailboxId, uids, target.id, quota, by, session.signedIn.account.address),
      );
      if (result.kind === 'no-such-mailbox') return tryCreate();
      if (result.kind === 'over-quota') return overQuota();
      if (result.sourceUids.length === 0) return ok(`${how} completed`, 'EXPUNGEISSUED');
      session.notifications?.addedByClient(target.id, result.destinationUids);
      const sets = `${formatSequenceSet(result.sourceUids)} ${formatSequenceSet(result.destinationUids)}`;
      const copyUid = uidCode(target, 'COPYUID', result.uidValidity, sets);
      if (how === 'COPY') {
        return (await sendFromOutbox(session, target, result.destinationUids)) ?? ok('COPY completed', copyUid);
      }
      // RFC 6851 §4.3: before the EXPUNGE responses, so that a client still knows the old UIDs.
      if (copyUid !== undefined) session.out.line(`* OK [${copyUid}] Moved`);
      // RFC 7162 §3.2.8: the source's mod-sequence after the move.
      const modSeq = session.condstore ? result.sourceModSeq : undefined;
      return ok('MOVE completed', modSeq === undefined ? undefined : `HIGHESTMODSEQ ${modSeq}`);
    },
  };
}

/** RFC 4314 §4: flags go along as far as the user may set them in the target; within one's own mailboxes all do. */
function actorOfCopy(session: Session, source: ReachedMailbox, target: ReachedMailbox): FlagActor | undefined {
  const accountId = session.signedIn.account.id;
  if (source.accountId === accountId && target.accountId === accountId) return undefined;
  return { accountId, system: changeableFlags(target.rights), keywords: target.rights.has('w') };
}

export const copy = transferring('COPY', false);
export const uidCopy = transferring('COPY', true);
export const move = transferring('MOVE', false);
export const uidMove = transferring('MOVE', true);
