import type { ThreadKeys } from '../../mailstore/mailstore.ts';
import { NONE } from './forest.ts';
import type { Linked } from './linked-by-references.ts';

/**
 * RFC 5256 §3 REFERENCES, step 5: threads with the same base subject become one.
 *
 * @param roots in their order; those from the number of messages on are names that no message has
 * @param firstChild by node, siblings in order of date
 */
export function joinedBySubject(
  { count, subjects, subjectCount, replies }: ThreadKeys,
  roots: readonly number[],
  linkedParents: Int32Array,
  firstChild: Int32Array,
): Linked {
  const isName = (node: number): boolean => node >= count;
  const subjectOf = (root: number): number => subjects[isName(root) ? (firstChild[root] as number) : root] as number;
  /** Of a message; a name that no message has is none. */
  const isReply = (node: number): boolean => !isName(node) && replies[node] === 1;

  const heads = new Int32Array(subjectCount).fill(NONE);
  for (const root of roots) {
    const subject = subjectOf(root);
    if (subject === 0) continue;
    const known = heads[subject] as number;
    const replaces = known !== NONE && !isName(known) && (isName(root) || (isReply(known) && !isReply(root)));
    if (known === NONE || replaces) heads[subject] = root;
  }
  // Two roots make one new node at most.
  const parents = new Int32Array(linkedParents.length + (roots.length >>> 1)).fill(NONE);
  parents.set(linkedParents);
  let next = linkedParents.length;
  /** Names whose children went to another one. */
  const emptied = new Map<number, number>();
  const joined: number[] = [];
  const isGone = new Uint8Array(parents.length);
  for (const root of roots) {
    const subject = subjectOf(root);
    const head = subject === 0 ? root : (heads[subject] as number);
    if (head === root) continue;
    isGone[root] = 1;
    if (isName(head) && isName(root)) emptied.set(root, head);
    else if (isName(head) || (isReply(root) && !isReply(head))) parents[root] = head;
    else {
      // Neither answers the other: both below a name that no message has, which takes the place of the first.
      isGone[head] = 1;
      parents[head] = next;
      parents[root] = next;
      heads[subject] = next;
      joined.push(next);
      next += 1;
    }
  }
  if (emptied.size > 0) {
    for (let message = 0; message < count; message += 1) {
      const head = emptied.get(parents[message] as number);
      if (head !== undefined) parents[message] = head;
    }
  }
  return { parents, roots: [...roots.filter((root) => isGone[root] === 0), ...joined] };
}
