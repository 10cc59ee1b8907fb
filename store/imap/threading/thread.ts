import type { MessageKeys } from '../../mailstore/mailstore.ts';

/** A message of a thread with what answers it; `message` is undefined for one that is named and not there. */
export interface Thread {
  readonly message: MessageKeys | undefined;
  readonly children: readonly Thread[];
}

/** Earlier ones first; of the same instant, the lower UID (RFC 5256 §2.2). */
export function bySentDate(a: MessageKeys, b: MessageKeys): number {
  return a.sentAtMs - b.sentAtMs || a.uid - b.uid;
}

/** `(3 6 (4 23)(44 7 96))`: one thread in the form of RFC 5256 §4, without recursion, as deep as it may be. */
export function formatThread(thread: Thread, numberOf: (message: MessageKeys) => number): string {
  const pieces: string[] = ['('];
  const work: (Thread | string)[] = [thread];
  let beforeNumber = '';
  while (work.length > 0) {
    const next = work.pop();
    if (next === undefined) break;
    if (typeof next === 'string') {
      pieces.push(next);
      beforeNumber = '';
      continue;
    }
    if (next.message !== undefined) {
      pieces.push(beforeNumber, String(numberOf(next.message)));
      beforeNumber = ' ';
    }
    const [only] = next.children;
    if (next.children.length === 1 && only !== undefined) {
      work.push(only);
    } else if (next.children.length > 1) {
      if (next.message !== undefined) pieces.push(' ');
      for (const child of [...next.children].reverse()) work.push(')', child, '(');
    }
  }
  pieces.push(')');
  return pieces.join('');
}
