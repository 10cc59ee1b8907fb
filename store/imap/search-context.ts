import type { SessionChanges } from '../mailstore/selected-mailbox.ts';
import type { SearchKey } from './codec/search-key.ts';
import { formatSequenceSet, type NumberRange, rangesOf } from './codec/sequence-set.ts';
import { type Numbering, sequenceRanges, uidsOf } from './message-set.ts';
import { searchAmong } from './search-evaluation.ts';
import type { Session } from './session.ts';
import type { Selected } from './state.ts';

/** Searches of one session whose results are kept up to date; more are refused (RFC 5267 §4.3.1). */
export const MAX_CONTEXTS = 16;

/** A search whose result the client follows (RFC 5267 §4.3). */
export interface SearchContext {
  readonly tag: string;
  /** Told in UIDs, else in sequence numbers. */
  readonly uid: boolean;
  readonly key: SearchKey;
  /** UIDs of the messages that match, as far as the client was told. */
  readonly members: Set<number>;
  /** Changes up to this mod-sequence have been looked at. */
  seenModSeq: number;
}

/** Begins to follow a search, whose result so far is given by sequence numbers. */
export function makeContext(
  selected: Selected,
  search: { readonly tag: string; readonly uid: boolean; readonly key: SearchKey; readonly found: readonly number[] },
): SearchContext {
  const { view } = selected;
  return {
    tag: search.tag,
    uid: search.uid,
    key: withoutNumbers(selected, search.key),
    members: new Set(search.found.map((sequence) => view.uidAt(sequence) ?? 0)),
    seenModSeq: highestModSeq(selected),
  };
}

/** RFC 5267 §4.3: sequence numbers (and `$`) mean the messages that they named when the command came. */
function withoutNumbers(numbering: Numbering, key: SearchKey): SearchKey {
  switch (key.kind) {
    case 'sequence':
      return uidKey(rangesOf(uidsOf(numbering.view, sequenceRanges(numbering, key.set, false))));
    case 'uid':
      return key.set.saved ? uidKey(rangesOf(uidsOf(numbering.view, sequenceRanges(numbering, key.set, true)))) : key;
    case 'and':
      return { kind: 'and', keys: key.keys.map((each) => withoutNumbers(numbering, each)) };
    case 'or':
      return { kind: 'or', left: withoutNumbers(numbering, key.left), right: withoutNumbers(numbering, key.right) };
    case 'not':
    case 'fuzzy':
      return { kind: key.kind, key: withoutNumbers(numbering, key.key) };
    default:
      return key;
  }
}

const uidKey = (ranges: readonly NumberRange[]): SearchKey => ({ kind: 'uid', set: { saved: false, ranges } });

function highestModSeq({ view }: Selected): number {
  const { modSeqs, count } = view.columns;
  let highest = view.toldModSeq;
  for (let row = 0; row < count; row += 1) highest = Math.max(highest, modSeqs[row] ?? 0);
  return highest;
}

/** RFC 5267 §4.3.4: a result in sequence numbers loses a message before EXPUNGE moves the numbers. */
export function tellContextsOfExpunged(session: Session, selected: Selected, changes: SessionChanges): void {
  const { expungedUids, expungedSequence } = changes;
  if (selected.contexts.size === 0 || expungedUids.length === 0) return;
  const last = expungedUids.length - 1;
  for (const context of selected.contexts.values()) {
    const gone: number[] = [];
    for (const [index, uid] of expungedUids.entries()) {
      if (context.members.delete(uid)) gone.push(context.uid ? uid : (expungedSequence[last - index] ?? 0));
    }
    if (gone.length > 0) writeChange(session, context, 'REMOVEFROM', gone);
  }
}

/** RFC 5267 §4.3.3: looks again at the messages that changed or came, and tells which joined and which left. */
export async function tellContexts(session: Session, selected: Selected): Promise<void> {
  if (selected.contexts.size === 0) return;
  const { view } = selected;
  const { modSeqs, uids, count } = view.columns;
  const highest = highestModSeq(selected);
  for (const context of selected.contexts.values()) {
    if (context.seenModSeq >= highest) continue;
    const changed: number[] = [];
    for (let row = 0; row < count; row += 1) if ((modSeqs[row] ?? 0) > context.seenModSeq) changed.push(row + 1);
    const uidOf = new Map(changed.map((sequence) => [sequence, uids[sequence - 1] ?? 0]));
    context.seenModSeq = highest;
    const matching = new Set(await searchAmong(session.mailstore, selected, context.key, changed));
    const joined: number[] = [];
    const left: number[] = [];
    for (const [sequence, uid] of uidOf) {
      if (matching.has(sequence) === context.members.has(uid)) continue;
      if (matching.has(sequence)) context.members.add(uid);
      else context.members.delete(uid);
      (matching.has(sequence) ? joined : left).push(context.uid ? uid : sequence);
    }
    if (left.length > 0) writeChange(session, context, 'REMOVEFROM', left);
    if (joined.length > 0) writeChange(session, context, 'ADDTO', joined);
  }
}

/** Place 0: the client keeps the result in the order of the mailbox. */
function writeChange(
  session: Session,
  context: SearchContext,
  what: 'ADDTO' | 'REMOVEFROM',
  numbers: readonly number[],
): void {
  const uid = context.uid ? ' UID' : '';
  session.out.line(`* ESEARCH (TAG "${context.tag}")${uid} ${what} (0 ${formatSequenceSet(numbers)})`);
}
