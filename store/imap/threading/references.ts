import type { ThreadKeys } from '../../mailstore/mailstore.ts';
import { byArrival, bySentDate, type Forest, NONE, ranksOf, tied } from './forest.ts';
import { joinedBySubject } from './joined-by-subject.ts';
import { linkedByReferences } from './linked-by-references.ts';

/** RFC 5256 §3 REFERENCES: threads by Message-IDs, then joined by subject. */
export function threadsByReferences(keys: ThreadKeys): Forest {
  const order = bySentDate(keys);
  const ranks = ranksOf(order);
  const linked = linkedByReferences(keys);
  const { firstChild } = tied(linked.parents, order);
  // Step 4: threads by the date of what stands first in them.
  const roots = inOrder(linked.roots, keys.count, (root) => rankOfFirst(root, firstChild, ranks));
  const joined = joinedBySubject(keys, roots, linked.parents, firstChild);
  const links = tied(joined.parents, order);
  return {
    messages: keys.count,
    roots: inOrder(joined.roots, keys.count, (root) => rankOfFirst(root, links.firstChild, ranks)),
    ...links,
  };
}

/**
 * THREAD=REFS (draft-ietf-morg-inthread §4): by Message-IDs alone. Threads stand in the order in which their newest message arrived, so
 * that the thread of a message that has just come is the last; messages within a thread by the date sent, as in REFERENCES.
 */
export function threadsByRefs(keys: ThreadKeys): Forest {
  const arrivals = byArrival(keys);
  const { parents, roots } = linkedByReferences(keys);
  const newest = new Int32Array(parents.length);
  const tops = topsOf(parents);
  for (let place = 0; place < arrivals.length; place += 1) newest[tops[arrivals[place] as number] as number] = place;
  return {
    messages: keys.count,
    roots: inOrder(roots, keys.count, (root) => newest[root] as number),
    ...tied(parents, bySentDate(keys)),
  };
}

/** What stands for a node where threads are compared: itself, else its first child (RFC 5256 §3, step 4). */
function rankOfFirst(root: number, firstChild: Int32Array, ranks: Int32Array): number {
  return ranks[root < ranks.length ? root : (firstChild[root] as number)] as number;
}

/** Roots by rank: each has the rank of a message of its own, so that none is had twice. */
function inOrder(roots: readonly number[], messages: number, rankOf: (root: number) => number): number[] {
  const places = new Int32Array(messages).fill(NONE);
  for (const root of roots) places[rankOf(root)] = root;
  const sorted: number[] = [];
  for (let place = 0; place < messages; place += 1) if (places[place] !== NONE) sorted.push(places[place] as number);
  return sorted;
}

/** The root above each node. */
function topsOf(parents: Int32Array): Int32Array {
  const tops = new Int32Array(parents.length).fill(NONE);
  const way: number[] = [];
  for (let start = 0; start < parents.length; start += 1) {
    let node = start;
    while (tops[node] === NONE && parents[node] !== NONE) {
      way.push(node);
      node = parents[node] as number;
    }
    const top = tops[node] === NONE ? node : (tops[node] as number);
    tops[node] = top;
    for (let below = way.pop(); below !== undefined; below = way.pop()) tops[below] = top;
  }
  return tops;
}
