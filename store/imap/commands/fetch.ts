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
import { writeFlags } from '../message-data.ts';
import { numbersOf, sequenceRanges, uidsOf } from '../message-set.ts';
import { flagActor } from '../rights.ts';
import type { Session } from '../session.ts';
import { writeVanishedEarlier } from '../vanished.ts';
import { type Command, SELECTED } from './command.ts';

/** Rows written between two looks at the socket. */
const ROWS_A_TURN = 1000;

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
      const uids = uidsOf(view, ranges);
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

/** What stands between the texts of a row. */
type RowValue = 'sequence' | 'uid' | 'modseq' | 'flags';

/** The rows' shape: a text, a value, a text, a value … and the last text. */
interface RowShape {
  readonly values: readonly RowValue[];
  /** One more than the values. */
  readonly texts: readonly string[];
}

/** `* 12 FETCH (UID 4711 FLAGS (\Seen))` taken apart, so that a row is a few copies. */
function rowShape(session: Session, attributes: readonly FetchAttribute[]): RowShape {
  const values: RowValue[] = [session.uidOnly ? 'uid' : 'sequence'];
  const texts = ['* '];
  let text = session.uidOnly ? ' UIDFETCH (' : ' FETCH (';
  for (const [index, { kind }] of attributes.entries()) {
    if (index > 0) text += ' ';
    if (kind === 'uid') text += 'UID ';
    else text += kind === 'modseq' ? 'MODSEQ (' : 'FLAGS ';
    texts.push(text);
    values.push(kind === 'uid' || kind === 'modseq' ? kind : 'flags');
    text = kind === 'modseq' ? ')' : '';
  }
  texts.push(`${text})\r\n`);
  return { values, texts };
}

/** Flags and UIDs alone come from the view: no question to the database. */
async function writeFlagRows(
  session: Session,
  ranges: readonly NumberRange[],
  attributes: readonly FetchAttribute[],
): Promise<void> {
  const { out } = session;
  const { view } = session.selected;
  const { values, texts } = rowShape(session, attributes);
  const end = texts[values.length] ?? '';
  for (const { first, last } of ranges) {
    for (let from = first; from <= last; from += ROWS_A_TURN) {
      // The columns may be others after the wait.
      const { uids, modSeqs } = view.columns;
      const to = Math.min(last, from + ROWS_A_TURN - 1);
      for (let sequence = from; sequence <= to; sequence += 1) {
        for (let i = 0; i < values.length; i += 1) {
          out.text(texts[i] ?? '');
          const value = values[i];
          if (value === 'flags') writeFlags(out, view, sequence);
          else if (value === 'uid') out.number(uids[sequence - 1] ?? 0);
          else out.number(value === 'modseq' ? (modSeqs[sequence - 1] ?? 0) : sequence);
        }
        out.text(end);
      }
      await session.flow();
    }
  }
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
