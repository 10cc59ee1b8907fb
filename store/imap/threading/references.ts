import type { MessageKeys } from '../../mailstore/mailstore.ts';
import { bySentDate, type Thread } from './thread.ts';

/** A message, or a name that messages refer to. */
class Node implements Thread {
  message: MessageKeys | undefined;
  parent: Node | undefined;
  children: Node[] = [];

  /** Puts it below another, unless that would close a loop. */
  moveBelow(parent: Node): boolean {
    if (parent === this) return false;
    // Without children there is no way back here: long chains cost nothing then.
    for (
      let above = this.children.length === 0 ? undefined : parent.parent;
      above !== undefined;
      above = above.parent
    ) {
      if (above === this) return false;
    }
    this.detach();
    this.parent = parent;
    parent.children.push(this);
    return true;
  }

  detach(): void {
    const siblings = this.parent?.children;
    if (siblings !== undefined) siblings.splice(siblings.indexOf(this), 1);
    this.parent = undefined;
  }

  /** What stands for it where messages are compared: itself, else its first child (RFC 5256 §3, step 4). */
  get first(): MessageKeys | undefined {
    return this.message ?? this.children[0]?.message;
  }
}

/** RFC 5256 §3 REFERENCES: threads by Message-IDs, then joined by subject. Messages in the order of the mailbox. */
export function threadsByReferences(messages: readonly MessageKeys[]): Thread[] {
  const roots = linked(messages);
  sortChildren(roots);
  sortRoots(roots, (root) => root.first);
  const joined = joinBySubject(roots);
  sortChildren(joined);
  sortRoots(joined, (root) => root.first);
  return joined;
}

/**
 * THREAD=REFS (draft-ietf-morg-inthread §5.1): by Message-IDs alone, threads in the order of their newest message, so that what
 * has just been answered is found at the end.
 */
export function threadsByRefs(messages: readonly MessageKeys[]): Thread[] {
  const roots = linked(messages);
  sortChildren(roots);
  const newest = new Map<Node, MessageKeys | undefined>(roots.map((root) => [root, newestOf(root)]));
  sortRoots(roots, (root) => newest.get(root));
  return roots;
}

/** Steps 1 to 3: parents and children by Message-ID, without the names that no message has. */
function linked(messages: readonly MessageKeys[]): Node[] {
  const byId = new Map<string, Node>();
  const all: Node[] = [];
  const own = new Map<MessageKeys, Node>();
  for (const message of messages) {
    const known = message.id === undefined ? undefined : byId.get(message.id);
    const node = known ?? new Node();
    // Of two messages with one id the first has it; the other is there under none.
    const mine = node.message === undefined ? node : new Node();
    mine.message = message;
    if (message.id !== undefined && known === undefined) byId.set(message.id, mine);
    own.set(message, mine);
    all.push(mine);
  }
  const nodeOf = (id: string): Node => {
    const known = byId.get(id);
    if (known !== undefined) return known;
    const made = new Node();
    byId.set(id, made);
    all.push(made);
    return made;
  };
  for (const message of messages) {
    let before: Node | undefined;
    for (const id of message.references) {
      const node = nodeOf(id);
      // Step 1 A: an existing link stays.
      if (before !== undefined && node.parent === undefined && node !== before) node.moveBelow(before);
      before = node;
    }
    const node = own.get(message);
    if (node === undefined) continue;
    // Step 1 B: the last reference is the parent, whatever was thought before.
    if (before === undefined) node.detach();
    else if (before !== node && node.parent !== before) {
      node.detach();
      node.moveBelow(before);
    }
  }
  return pruned(all.filter((node) => node.parent === undefined));
}

/** Step 3, from the leaves up and without recursion: threads may be as deep as there are messages. */
function pruned(roots: readonly Node[]): Node[] {
  const order: Node[] = [...roots];
  for (let i = 0; i < order.length; i += 1) order.push(...(order[i]?.children ?? []));
  for (const node of order.reverse()) {
    node.children = node.children.flatMap((child) => (child.message === undefined ? child.children : [child]));
    for (const child of node.children) child.parent = node;
  }
  return roots.flatMap((root) => {
    if (root.message !== undefined) return [root];
    // A name at the top stays for two children or more, which belong together by it.
    if (root.children.length > 1) return [root];
    for (const child of root.children) child.parent = undefined;
    return root.children;
  });
}

/** Siblings by the date that they were sent. */
function sortChildren(roots: readonly Node[]): void {
  const work: Node[] = [...roots];
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    if (node.children.length > 1) node.children.sort((a, b) => compare(a.first, b.first));
    work.push(...node.children);
  }
}

function sortRoots(roots: Node[], by: (root: Node) => MessageKeys | undefined): void {
  roots.sort((a, b) => compare(by(a), by(b)));
}

function compare(a: MessageKeys | undefined, b: MessageKeys | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return bySentDate(a, b);
}

function newestOf(root: Node): MessageKeys | undefined {
  let newest = root.message;
  const work: Node[] = [...root.children];
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    if (node.message !== undefined && (newest === undefined || bySentDate(newest, node.message) < 0)) {
      newest = node.message;
    }
    work.push(...node.children);
  }
  return newest;
}

const subjectOf = (node: Node): string => node.first?.texts.baseSubject ?? '';
/** RFC 5256 §3, step 5: of a message; a name that no message has is none. */
const isReply = (node: Node): boolean => node.message?.texts.isReplyOrForward ?? false;

/** Step 5: threads with the same base subject become one. */
function joinBySubject(roots: readonly Node[]): Node[] {
  const table = new Map<string, Node>();
  for (const root of roots) {
    const subject = subjectOf(root);
    if (subject === '') continue;
    const known = table.get(subject);
    const replaces =
      known !== undefined &&
      known.message !== undefined &&
      (root.message === undefined || (isReply(known) && !isReply(root)));
    if (known === undefined || replaces) table.set(subject, root);
  }
  const gone = new Set<Node>();
  const made: Node[] = [];
  for (const root of roots) {
    const subject = subjectOf(root);
    const head = table.get(subject);
    if (subject === '' || head === undefined || head === root) continue;
    gone.add(root);
    if (head.message === undefined && root.message === undefined) {
      for (const child of [...root.children]) child.moveBelow(head);
    } else if (head.message === undefined || (isReply(root) && !isReply(head))) {
      root.moveBelow(head);
    } else {
      // Neither answers the other: both below a name that no message has, which takes the place of the first.
      const both = new Node();
      gone.add(head);
      head.moveBelow(both);
      root.moveBelow(both);
      table.set(subject, both);
      made.push(both);
    }
  }
  return [...roots.filter((root) => !gone.has(root)), ...made.filter((node) => !gone.has(node))];
}
