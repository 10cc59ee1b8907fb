import { SEEN } from '../../mailstore/flags.ts';
import type { SelectedMailbox } from '../../mailstore/mailstore.ts';
import { UnknownTransferEncoding } from '../body-source.ts';
import { type FetchAttribute, readFetchAttributes } from '../codec/fetch-attribute.ts';
import { type FetchModifiers, readFetchModifiers } from '../codec/fetch-modifier.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { partOf } from '../codec/partial-range.ts';
import { type NumberRange, rangesOf, resolveRanges, type SequenceSet } from '../codec/sequence-set.ts';
import { bad, no, ok } from '../completion.ts';
import { writeFetchRows } from '../fetch-rows.ts';
import { writeFlagRows } from '../flag-rows.ts';
import { numbersOf, sequenceRanges, uidsOf } from '../message-set.ts';
import { flagActor } from '../rights.ts';
import type { Session } from '../session.ts';
import { writeVanishedEarlier } from '../vanished.ts';
import { type Command, SELECTED } from './command.ts';

interface Arguments {
  readonly set: SequenceSet;
  readonly attributes: readonly FetchAttribute[];
  readonly modifiers: FetchModifiers;
}

/** Items that the view answers. */
const IN_VIEW: ReadonlySet<FetchAttribute['kind']> = new Set(['flags', 'uid', 'modseq']);

/** RFC 9051 §6.4.5 FETCH, §6.4.9 UID FETCH. */
function fetching(uid: boolean): Command<Arguments> {
  return {
    name: uid ? 'UID FETCH' : 'FETCH',
    states: SELECTED,
    expunges: uid,
    counts: !uid,
    read(args: ArgumentReader) {
      args.space();
      const set = args.sequenceSet();
      args.space();
      const attributes = readFetchAttributes(args);
      return { set, attributes, modifiers: readFetchModifiers(args, uid) };
    },
    async act(session, { set, attributes: asked, modifiers }) {
      const { view } = session.selected;
      const { changedSince } = modifiers;
      if (modifiers.vanished && !session.qresync) return bad('Enable QRESYNC first');
      if (changedSince !== undefined || asked.some((a) => a.kind === 'modseq')) session.enableCondstore();
      const attributes = withImplied(session, asked, uid, changedSince !== undefined);
      if (changedSince !== undefined) await view.refresh();
      if (modifiers.vanished && changedSince !== undefined) {
        await writeVanishedEarlier(session, changedSince, resolveRanges(set, view.uidNext - 1));
      }
      const ranges = narrowed(view, sequenceRanges(session.selected, set, uid), modifiers);
      if (attributes.every((a) => IN_VIEW.has(a.kind))) {
        await writeFlagRows(session, ranges, attributes);
        return ok('FETCH completed');
      }
      const uids = Array.from(uidsOf(view, ranges));
      if (uids.length === 0) return ok('FETCH completed');
      const seen = await markSeen(session, uids, attributes);
      let written: number;
      try {
        written = await writeFetchRows(session, uids, attributes, seen);
      } catch (error) {
        if (!(error instanceof UnknownTransferEncoding)) throw error;
        return no('UNKNOWN-CTE', 'A part has a transfer encoding that is not known');
      }
      // RFC 5530 §3: tells why there are fewer responses than messages.
      return ok('FETCH completed', written < uids.length ? 'EXPUNGEISSUED' : undefined);
    },
  };
}

/** RFC 9051 §6.4.9: UID FETCH answers with UIDs; CHANGEDSINCE with mod-sequences (RFC 7162 §3.1.4.1). */
function withImplied(
  session: Session,
  asked: readonly FetchAttribute[],
  uid: boolean,
  modSeq: boolean,
): readonly FetchAttribute[] {
  const attributes = [...asked];
  // RFC 9586 §3.3: a UIDFETCH response begins with the UID.
  if (uid && !session.uidOnly && !asked.some((a) => a.kind === 'uid')) attributes.unshift({ kind: 'uid' });
  if (modSeq && !asked.some((a) => a.kind === 'modseq')) attributes.push({ kind: 'modseq' });
  return attributes;
}

/** RFC 9394 §3.4: first the places, then what of them changed. */
function narrowed(
  view: SelectedMailbox,
  ranges: readonly NumberRange[],
  { partial, changedSince }: FetchModifiers,
): readonly NumberRange[] {
  if (partial === undefined && changedSince === undefined) return ranges;
  const all = [...numbersOf(ranges)];
  const kept = partial === undefined ? all : partOf(all, partial);
  if (changedSince === undefined) return rangesOf(kept);
  const { modSeqs } = view.columns;
  return rangesOf(kept.filter((sequence) => (modSeqs[sequence - 1] ?? 0) > changedSince));
}

/** RFC 9051 §6.4.5: BODY[…] without PEEK sets \Seen. Returns the UIDs for which that changed something. */
async function markSeen(
  session: Session,
  uids: readonly number[],
  attributes: readonly FetchAttribute[],
): Promise<ReadonlySet<number>> {
  const { view, readOnly, rights, mailbox } = session.selected;
  const marks = attributes.some((a) => (a.kind === 'section' || a.kind === 'binary') && !a.peek);
  // RFC 4314 §4: without the right \Seen is not set.
  if (readOnly || !marks || !rights.has('s')) return new Set();
  const { flags } = view.columns;
  const unseen = uids.filter((uid) => ((flags[view.sequenceOf(uid) - 1] ?? SEEN) & SEEN) === 0);
  if (unseen.length === 0) return new Set();
  const change = { how: 'add', flags: { system: SEEN, keywords: [] } } as const;
  const result = await session.mailstore.messages.storeFlags(
    view.mailboxId,
    unseen,
    change,
    flagActor(session, { accountId: mailbox.accountId, rights }),
  );
  if (result.kind !== 'stored') return new Set();
  for (const modSeq of result.modSeqs) view.ignoreFlagsOf(modSeq);
  await view.refresh();
  return new Set(result.changed);
}

export const fetch = fetching(false);
export const uidFetch = fetching(true);
