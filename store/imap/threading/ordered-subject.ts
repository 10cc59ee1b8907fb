import type { ThreadKeys } from '../../mailstore/mailstore.ts';
import { bySentDate, type Forest, NONE, tied } from './forest.ts';

/** RFC 5256 §3 ORDEREDSUBJECT: one thread a base subject; the first message, and the others as its children. */
export function threadsBySubject(keys: ThreadKeys): Forest {
  const order = bySentDate(keys);
  const heads = new Int32Array(keys.subjectCount).fill(NONE);
  const parents = new Int32Array(keys.count).fill(NONE);
  const roots: number[] = [];
  for (const message of order) {
    const subject = keys.subjects[message] as number;
    const head = heads[subject] as number;
    if (head === NONE) {
      heads[subject] = message;
      roots.push(message);
    } else parents[message] = head;
  }
  return { messages: keys.count, roots, ...tied(parents, order) };
}
