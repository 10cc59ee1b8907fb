import type { Resynchronisation } from './codec/select-parameters.ts';
import { type NumberRange, rangesContain, resolveRanges } from './codec/sequence-set.ts';
import { writeFlagUpdate } from './message-data.ts';
import { numbersOf } from './message-set.ts';
import type { Session } from './session.ts';
import { writeVanishedEarlier } from './vanished.ts';

const ROWS_A_TURN = 1000;

/** RFC 7162 §3.2.5: tells a client that comes back what is gone and what changed since; UIDVALIDITY is the same. */
export async function resynchronise(session: Session, known: Resynchronisation): Promise<void> {
  const { view } = session.selected;
  const upTo = view.uidNext - 1;
  const all: NumberRange[] = upTo < 1 ? [] : [{ first: 1, last: upTo }];
  const among = known.knownUids === undefined ? all : resolveRanges(known.knownUids, upTo);
  const unchangedUpTo = lastMatch(session, known.matches);
  const doubtful = among
    .filter(({ last }) => last > unchangedUpTo)
    .map(({ first, last }) => ({ first: Math.max(first, unchangedUpTo + 1), last }));
  await writeVanishedEarlier(session, known.modSeq, doubtful);
  const { modSeqs, uids, count } = view.columns;
  const changed: number[] = [];
  for (let row = 0; row < count; row += 1) {
    if ((modSeqs[row] ?? 0) > known.modSeq && rangesContain(among, uids[row] ?? 0)) changed.push(row + 1);
  }
  for (const [row, sequence] of changed.entries()) {
    writeFlagUpdate(session, sequence, { uid: true });
    if (row % ROWS_A_TURN === ROWS_A_TURN - 1) await session.flow();
  }
}

/** RFC 7162 §3.2.5.2: the highest UID that still has the number it had: nothing below it is gone. */
function lastMatch(session: Session, matches: Resynchronisation['matches']): number {
  if (matches === undefined) return 0;
  const { view } = session.selected;
  const sequences = resolveRanges(matches.sequences, Number.MAX_SAFE_INTEGER);
  const uids = numbersOf(resolveRanges(matches.uids, Number.MAX_SAFE_INTEGER));
  let found = 0;
  for (const sequence of numbersOf(sequences)) {
    const { value: uid, done } = uids.next();
    if (done === true || sequence > view.exists) break;
    if (view.uidAt(sequence) === uid) found = uid;
  }
  return found;
}
