import type { SelectedMailbox } from '../mailstore/mailstore.ts';
import { type NumberRange, rangesOf, resolveRanges, type SequenceSet } from './codec/sequence-set.ts';

/** A mailbox to count in, with what SEARCH saved there. */
export interface Numbering {
  readonly view: SelectedMailbox;
  /** UIDs of the saved result `$`, ascending (RFC 5182). Those that are gone are passed over. */
  readonly saved: readonly number[];
}

/**
 * The messages of a set as ranges of sequence numbers, ascending. Numbers that no message has are passed over: with
 * UIDs RFC 9051 §6.4.9 asks for it, and with sequence numbers a client that counts wrong learns more from the answer.
 */
export function sequenceRanges({ view, saved }: Numbering, set: SequenceSet, uid: boolean): NumberRange[] {
  const { exists } = view;
  if (exists === 0) return [];
  // RFC 5182 §2.1: `$` names messages, whether the command counts or takes UIDs; expunged ones have left it.
  if (set.saved) return rangesOf(saved.map((known) => view.sequenceOf(known)).filter((sequence) => sequence > 0));
  const out: NumberRange[] = [];
  for (const range of resolveRanges(set, uid ? (view.uidAt(exists) ?? 0) : exists)) {
    const first = uid ? view.firstSequenceFrom(range.first) : range.first;
    const last = uid ? view.firstSequenceFrom(range.last + 1) - 1 : Math.min(range.last, exists);
    if (first <= last) out.push({ first, last });
  }
  return out;
}

/** All numbers of the ranges, in order. */
export function* numbersOf(ranges: readonly NumberRange[]): Generator<number> {
  for (const { first, last } of ranges) for (let n = first; n <= last; n += 1) yield n;
}

/** UIDs of the messages in ranges of sequence numbers, ascending. */
export function uidsOf(view: SelectedMailbox, ranges: readonly NumberRange[]): Uint32Array {
  const { uids } = view.columns;
  const out = new Uint32Array(ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0));
  let at = 0;
  for (const { first, last } of ranges) {
    out.set(uids.subarray(first - 1, last), at);
    at += last - first + 1;
  }
  return out;
}
