import type { MessageKeys } from '../../mailstore/mailstore.ts';
import { bySentDate, type Thread } from './thread.ts';

/** RFC 5256 §3 ORDEREDSUBJECT: one thread a base subject; the first message, and the others as its children. */
export function threadsBySubject(messages: readonly MessageKeys[]): Thread[] {
  const bySubject = new Map<string, MessageKeys[]>();
  for (const message of messages) {
    const same = bySubject.get(message.texts.baseSubject);
    if (same === undefined) bySubject.set(message.texts.baseSubject, [message]);
    else same.push(message);
  }
  const groups = [...bySubject.values()].map((group) => group.sort(bySentDate));
  groups.sort(([a], [b]) => (a === undefined || b === undefined ? 0 : bySentDate(a, b)));
  return groups.map(([first, ...others]) => ({
    message: first,
    children: others.map((message) => ({ message, children: [] })),
  }));
}
