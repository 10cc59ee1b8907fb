import type { ListedMailbox } from '../imap/mailbox-list.ts';
import type { AccountIndex, IndexedMailbox, MailboxCounts } from '../mail/account-index.ts';
import { emailHas } from '../mail/email-facts.ts';

/** RFC 8621 §2. */
export interface MailboxRecord {
  readonly id: string;
  readonly name: string;
  readonly parentId: string | null;
  readonly role: string | null;
  readonly sortOrder: number;
  readonly totalEmails: number;
  readonly unreadEmails: number;
  readonly totalThreads: number;
  readonly unreadThreads: number;
  readonly myRights: Readonly<Record<string, boolean>>;
  readonly isSubscribed: boolean;
}

export const MAILBOX_PROPERTIES: readonly string[] = [
  ...['id', 'name', 'parentId', 'role', 'sortOrder', 'totalEmails', 'unreadEmails', 'totalThreads', 'unreadThreads'],
  ...['myRights', 'isSubscribed'],
];

/** Where each role stands in a list of mailboxes, by default. */
const ORDER = ['inbox', 'drafts', 'sent', 'archive', 'junk', 'trash'];

export function roleOf({ name, specialUse }: ListedMailbox): string | null {
  if (name.toUpperCase() === 'INBOX') return 'inbox';
  return specialUse?.slice(1) ?? null;
}

/** The last part of the name, below the nearest mailbox above that there is. */
export function placeOf(
  listed: ListedMailbox,
  mailboxes: readonly ListedMailbox[],
): { parentId: string | null; name: string } {
  const parts = listed.name.split(listed.separator);
  for (let n = parts.length - 1; n > 0; n -= 1) {
    const above = parts.slice(0, n).join(listed.separator);
    const parent = mailboxes.find(({ name }) => name === above);
    if (parent !== undefined) return { parentId: parent.id, name: parts.slice(n).join(listed.separator) };
  }
  return { parentId: null, name: listed.name.toUpperCase() === 'INBOX' ? 'Inbox' : listed.name };
}

export function mailboxRecord(mailbox: IndexedMailbox, index: AccountIndex): MailboxRecord {
  const { listed } = mailbox;
  const { parentId, name } = placeOf(listed, index.listing.mailboxes);
  const role = roleOf(listed);
  const place = ORDER.indexOf(role ?? '');
  const fixed = role === 'inbox';
  return {
    id: listed.id,
    name,
    parentId,
    role,
    sortOrder: place < 0 ? 10 : place + 1,
    ...countsOf(mailbox, index),
    myRights: {
      mayReadItems: true,
      mayAddItems: true,
      mayRemoveItems: true,
      maySetSeen: true,
      maySetKeywords: true,
      mayCreateChild: true,
      mayRename: !fixed,
      mayDelete: !fixed,
      maySubmit: true,
    },
    isSubscribed: listed.subscribed,
  };
}

function countsOf(mailbox: IndexedMailbox, index: AccountIndex): MailboxCounts {
  const { id } = mailbox.listed;
  const counts = index.counts.get(id) ?? count(mailbox, index);
  index.counts.set(id, counts);
  return counts;
}

/** RFC 8621 §2: a thread is unread in a mailbox that holds a part of it when any of its emails is unread. */
function count(mailbox: IndexedMailbox, index: AccountIndex): MailboxCounts {
  let totalEmails = 0;
  let unreadEmails = 0;
  const threads = new Set<string>();
  const unread = new Set<string>();
  for (const email of new Set(mailbox.byUid.values())) {
    totalEmails += 1;
    threads.add(email.threadId);
    if (isUnread(email)) unreadEmails += 1;
  }
  for (const threadId of threads) if (index.threads.get(threadId)?.some(isUnread) === true) unread.add(threadId);
  return { totalEmails, unreadEmails, totalThreads: threads.size, unreadThreads: unread.size };
}

const isUnread = (email: Parameters<typeof emailHas>[0]): boolean =>
  !emailHas(email, '$seen') && !emailHas(email, '$draft');
