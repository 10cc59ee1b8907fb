import { hashKey, type NewBody } from './body-rows.ts';
import { bothOf } from './keywords.ts';
import type { ArrivedContent, Delivery, StoredContent } from './mailstore.ts';
import type { NewMessage } from './message-rows.ts';

/** The bodies that are not written yet, each once. */
export function bodiesOf(deliveries: readonly Delivery[]): NewBody[] {
  const distinct = new Map<string, NewBody>();
  for (const content of deliveries.flatMap(allContents)) {
    if ('body' in content) distinct.set(hashKey(content.sha256), content.body);
  }
  return [...distinct.values()];
}

/** The contents that become emails of the account. */
export function contentsFor({ content, rules }: Delivery): ArrivedContent[] {
  return rules?.notice === undefined ? [content] : [content, rules.notice.content];
}

function allContents(delivery: Delivery): ArrivedContent[] {
  return [...contentsFor(delivery), ...(delivery.outgoing ?? []).map(({ content }) => content)];
}

/** The delivery with its contents, and those of all that it causes, as `keep` returns them. */
export async function withBodies(
  delivery: Delivery,
  keep: (content: ArrivedContent) => Promise<StoredContent>,
): Promise<Delivery> {
  const { content, outgoing = [], rules } = delivery;
  const notice = rules?.notice;
  return {
    ...delivery,
    content: await keep(content),
    outgoing: await Promise.all(outgoing.map(async (each) => ({ ...each, content: await keep(each.content) }))),
    rules: notice && rules ? { ...rules, notice: { ...notice, content: await keep(notice.content) } } : rules,
  };
}

/** RFC 5228 §2.10.3: names may come to the same mailbox (INBOX takes the place of missing ones); it gets one message, with the flags of all. */
export function fileOnce(into: NewMessage[], message: NewMessage): void {
  const at = into.findIndex(({ mailbox }) => mailbox.id === message.mailbox.id);
  const before = into[at];
  if (before === undefined) into.push(message);
  else
    into[at] = { ...before, flags: before.flags | message.flags, keywords: bothOf(before.keywords, message.keywords) };
}

/** Whether it goes to a mailbox by its use (RFC 6154). */
export const asksForUse = ({ into }: Delivery): boolean => into.some(({ specialUse }) => specialUse !== undefined);
/** Whether it asks for what the account remembers, or adds to it. */
export const asksMemory = ({ rules, outgoing = [] }: Delivery): boolean =>
  rules !== undefined && (rules.remember.length > 0 || rules.notice !== undefined || outgoing.some((m) => m.once));
