import type { ThreadKeys } from '../../mailstore/mailstore.ts';

/** No node. */
export const NONE = -1;

/**
 * Threads as links between nodes: nodes below `messages` are the messages, in order of UID; those from there on stand for messages that are named
 * and not there.
 */
export interface Forest {
  readonly messages: number;
  /** In the order in which they are told. */
  readonly roots: readonly number[];
  /** By node; {@link NONE} ends the siblings. */
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
}

/** Messages in order of the date sent; of the same instant, the lower UID first (RFC 5256 §2.2). */
export const bySentDate = ({ sentAtMs }: ThreadKeys): Int32Array => inOrderOf(sentAtMs);

/** Messages in order of arrival; of the same instant, the lower UID first. */
export const byArrival = ({ arrivedAtMs }: ThreadKeys): Int32Array => inOrderOf(arrivedAtMs);

function inOrderOf(atMs: Float64Array): Int32Array {
  const count = atMs.length;
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i += 1) {
    const at = atMs[i] as number;
    if (at < lowest) lowest = at;
    if (at > highest) highest = at;
  }
  const order = Int32Array.from({ length: count }, (_, i) => i);
  if ((highest - lowest + 1) * count > Number.MAX_SAFE_INTEGER) {
    return order.sort((a, b) => (atMs[a] as number) - (atMs[b] as number) || a - b);
  }
  // Date and place fit together into the 53 bits of a float: numbers sort without a function.
  const packed = new Float64Array(count);
  for (let i = 0; i < count; i += 1) packed[i] = ((atMs[i] as number) - lowest) * count + i;
  packed.sort();
  for (let i = 0; i < count; i += 1) order[i] = (packed[i] as number) % count;
  return order;
}

/** The place of each message in that order. */
export function ranksOf(order: Int32Array): Int32Array {
  const ranks = new Int32Array(order.length);
  for (let place = 0; place < order.length; place += 1) ranks[order[place] as number] = place;
  return ranks;
}

/**
 * Ties children to their parents, siblings in order of date.
 *
 * @param parents by node; {@link NONE} at the top. Messages alone have a parent.
 * @param order the messages by date
 */
export function tied(parents: Int32Array, order: Int32Array): Pick<Forest, 'firstChild' | 'nextSibling'> {
  const firstChild = new Int32Array(parents.length).fill(NONE);
  const nextSibling = new Int32Array(parents.length).fill(NONE);
  for (let place = order.length - 1; place >= 0; place -= 1) {
    const node = order[place] as number;
    const parent = parents[node] as number;
    if (parent === NONE) continue;
    nextSibling[node] = firstChild[parent] as number;
    firstChild[parent] = node;
  }
  return { firstChild, nextSibling };
}
