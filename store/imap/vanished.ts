import { formatRanges, type NumberRange, rangesContain, rangesOf } from './codec/sequence-set.ts';
import type { Session } from './session.ts';

/** Pieces of one VANISHED response: a line that no client has to take for an attack. */
const RANGES_A_LINE = 1000;

/**
 * RFC 7162 §3.2.10.1: `* VANISHED (EARLIER) 300:310,405`, of what is gone since a mod-sequence and was among these UIDs.
 * Where the history does not reach back, every UID that could have been there and is not (§3.2.5.1 allows more than was).
 *
 * @param among ascending, apart
 */
export async function writeVanishedEarlier(
  session: Session,
  since: number,
  among: readonly NumberRange[],
): Promise<void> {
  const { view } = session.selected;
  const history = await session.mailstore.messages.expungedSince(view.mailboxId, since);
  const gone =
    history.kind === 'known'
      ? rangesOf(
          // What this session still counts is told as VANISHED when its turn comes.
          history.uids.filter((uid) => view.sequenceOf(uid) === 0 && rangesContain(among, uid)),
        )
      : absent(session, among);
  for (let from = 0; from < gone.length; from += RANGES_A_LINE) {
    session.out.line(`* VANISHED (EARLIER) ${formatRanges(gone.slice(from, from + RANGES_A_LINE))}`);
    await session.flow();
  }
}

/** The UIDs of the ranges that no message has, as ranges. */
function absent(session: Session, among: readonly NumberRange[]): NumberRange[] {
  const { view } = session.selected;
  const out: NumberRange[] = [];
  for (const { first, last: end } of among) {
    const last = Math.min(end, view.uidNext - 1);
    let from = first;
    for (let sequence = view.firstSequenceFrom(first); from <= last; sequence += 1) {
      const present = view.uidAt(sequence) ?? Number.POSITIVE_INFINITY;
      if (present > from) out.push({ first: from, last: Math.min(present - 1, last) });
      from = present + 1;
    }
  }
  return out;
}
