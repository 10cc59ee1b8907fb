import type { ThreadKeys } from '../../mailstore/mailstore.ts';
import { NONE } from './forest.ts';

/** Nodes with their parents; a node from the number of messages on is a name that no message has, and is a root. */
export interface Linked {
  readonly parents: Int32Array;
  readonly roots: readonly number[];
}

/** RFC 5256 §3 REFERENCES, steps 1 to 3: parents and children by Message-ID, without the names that no message has. */
export function linkedByReferences(keys: ThreadKeys): Linked {
  return pruned(keys.count, linked(keys));
}

/** Steps 1 and 2: the parent of each node, those of names that no message has included. */
function linked({ count, ids, idCount, starts, references }: ThreadKeys): Int32Array {
  // Each id has one node at most beside those of the messages.
  const parents = new Int32Array(count + idCount).fill(NONE);
  const children = new Int32Array(count + idCount);
  const nodeOf = new Int32Array(idCount).fill(NONE);
  for (let message = 0; message < count; message += 1) {
    const id = ids[message] as number;
    // Of two messages with one id the first has it; the other is there under none.
    if (id !== NONE && nodeOf[id] === NONE) nodeOf[id] = message;
  }
  let names = count;
  const detach = (node: number): void => {
    const parent = parents[node] as number;
    if (parent === NONE) return;
    children[parent] = (children[parent] as number) - 1;
    parents[node] = NONE;
  };
  /** Puts a root below another node, unless that would close a loop. */
  const putBelow = (node: number, parent: number): void => {
    // Without children there is no way back here: long chains cost nothing then.
    if (children[node] !== 0) {
      for (let above = parents[parent] as number; above !== NONE; above = parents[above] as number) {
        if (above === node) return;
      }
    }
    parents[node] = parent;
    children[parent] = (children[parent] as number) + 1;
  };
  for (let message = 0; message < count; message += 1) {
    let before = NONE;
    const end = starts[message + 1] as number;
    for (let at = starts[message] as number; at < end; at += 1) {
      const id = references[at] as number;
      if (nodeOf[id] === NONE) {
        nodeOf[id] = names;
        names += 1;
      }
      const node = nodeOf[id] as number;
      // Step 1 A: an existing link stays.
      if (before !== NONE && parents[node] === NONE && node !== before) putBelow(node, before);
      before = node;
    }
    // Step 1 B: the last reference is the parent, whatever was thought before.
    if (before === NONE) detach(message);
    else if (before !== message && parents[message] !== before) {
      detach(message);
      putBelow(message, before);
    }
  }
  return parents.subarray(0, names);
}

/** Step 3: a name that no message has gives its children to what is above it; at the top it stays for two children or more. */
function pruned(count: number, parents: Int32Array): Linked {
  /** For names: the message above, or the name at the top. */
  const above = new Int32Array(parents.length - count).fill(NONE);
  const way: number[] = [];
  const messageAbove = (from: number): number => {
    let node = from;
    while (node >= count && above[node - count] === NONE && parents[node] !== NONE) {
      way.push(node);
      node = parents[node] as number;
    }
    const found = node >= count && above[node - count] !== NONE ? (above[node - count] as number) : node;
    for (let below = way.pop(); below !== undefined; below = way.pop()) above[below - count] = found;
    return found;
  };
  const kept = new Int32Array(parents.length).fill(NONE);
  const children = new Int32Array(parents.length);
  for (let message = 0; message < count; message += 1) {
    const parent = parents[message] as number;
    if (parent === NONE) continue;
    const found = messageAbove(parent);
    kept[message] = found;
    children[found] = (children[found] as number) + 1;
  }
  const roots: number[] = [];
  for (let message = 0; message < count; message += 1) {
    const parent = kept[message] as number;
    if (parent >= count && (children[parent] as number) < 2) kept[message] = NONE;
    if (kept[message] === NONE) roots.push(message);
  }
  for (let name = count; name < parents.length; name += 1) {
    if (parents[name] === NONE && (children[name] as number) > 1) roots.push(name);
  }
  return { parents: kept, roots };
}
