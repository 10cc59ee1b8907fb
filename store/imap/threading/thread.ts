import { PIECE_BYTES } from '../../connection/piece-writer.ts';
import type { Session } from '../session.ts';
import { type Forest, NONE } from './forest.ts';

/** What is to be written, beside nodes. */
const OPEN = -2;
const CLOSE = -3;

/**
 * Writes threads in the form of RFC 5256 §4, `(3 6 (4 23)(44 7 96))`, without recursion, as deep as they may be.
 *
 * @param numbers of the messages: sequence numbers or UIDs
 */
export async function writeThreads(
  session: Session,
  { messages, roots, firstChild, nextSibling }: Forest,
  numbers: ArrayLike<number>,
): Promise<void> {
  const { out } = session;
  const work: number[] = [];
  const siblings: number[] = [];
  for (const root of roots) {
    out.text('(');
    work.push(CLOSE, root);
    let isFirst = true;
    for (let next = work.pop(); next !== undefined; next = work.pop()) {
      if (next === OPEN || next === CLOSE) {
        out.text(next === OPEN ? '(' : ')');
        isFirst = true;
        continue;
      }
      const isMessage = next < messages;
      if (isMessage) {
        if (!isFirst) out.text(' ');
        out.number(numbers[next] as number);
        isFirst = false;
      }
      const child = firstChild[next] as number;
      if (child === NONE) continue;
      if (nextSibling[child] === NONE) {
        work.push(child);
        continue;
      }
      if (isMessage) out.text(' ');
      for (let each = child; each !== NONE; each = nextSibling[each] as number) siblings.push(each);
      for (let each = siblings.pop(); each !== undefined; each = siblings.pop()) work.push(CLOSE, each, OPEN);
      if (out.pendingBytes >= PIECE_BYTES) await session.flow();
    }
    if (out.pendingBytes >= PIECE_BYTES) await session.flow();
  }
}
