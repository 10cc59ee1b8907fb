import { computed, signal } from '@preact/signals';
import { emailSignal, peekEmail, threadSignal } from './emails.ts';
import { findMailbox, mailboxes, mailboxesLoaded } from './mailboxes.ts';
import { MessageList } from './message-list.ts';
import { preferences } from './preferences.ts';
import { goTo, mailRoute } from './route.ts';
import { filterOf, readSearch } from './search-query.ts';

/** What the address bar asks for, without the message that is open: as text, so that nothing is read anew that is the same. */
const place = computed<string | undefined>(() => {
  const at = mailRoute.value;
  if (at === undefined || !mailboxesLoaded.value) return undefined;
  const mailbox = at.mailbox === '' ? undefined : findMailbox(at.mailbox);
  const search = at.query === '' ? undefined : filterOf(readSearch(at.query), findMailboxId);
  const filter = search ?? (mailbox === undefined ? undefined : { inMailbox: mailbox.id });
  return JSON.stringify({ filter, collapseThreads: preferences.value.conversations });
});

/** The list that is shown. */
export const currentList = computed<MessageList | undefined>(() =>
  place.value === undefined ? undefined : new MessageList(JSON.parse(place.value)),
);

/** By id, role, name, or the path of names. */
export function findMailboxId(name: string): string | undefined {
  const wanted = name.toLowerCase();
  const all = [...mailboxes.value.values()];
  return (
    findMailbox(name)?.id ??
    all.find((mailbox) => mailbox.role === wanted)?.id ??
    all.find((mailbox) => mailbox.name.toLowerCase() === wanted)?.id
  );
}

/** The mailbox whose mail is listed; undefined in a search. */
export const currentMailbox = computed(() => {
  const at = mailRoute.value;
  return at === undefined || at.mailbox === '' || at.query !== '' ? undefined : findMailbox(at.mailbox);
});

/** The row that the keyboard is on: the id of its email. */
export const focused = signal<string | undefined>(undefined);
/** Rows that are selected. */
export const selection = signal<ReadonlySet<string>>(new Set());
/** Where a range begins. */
let rangeStart: string | undefined;

export function select(id: string, mode: 'toggle' | 'range' | 'only'): void {
  const list = currentList.peek();
  const next = new Set(mode === 'only' ? [] : selection.peek());
  const from = rangeStart === undefined ? -1 : (list?.indexOf(rangeStart) ?? -1);
  if (mode === 'range' && list !== undefined && from >= 0) {
    for (const each of list.idsBetween(from, list.indexOf(id))) next.add(each);
  } else if (mode === 'toggle' && next.has(id)) next.delete(id);
  else next.add(id);
  if (mode !== 'range') rangeStart = id;
  selection.value = next;
}

/** Selects all rows that were read so far: nothing is done to what nobody has seen. */
export function selectShown(): void {
  const list = currentList.peek();
  selection.value = new Set(list?.idsBetween(0, (list.total.peek() ?? 0) - 1));
}

export function clearSelection(): void {
  rangeStart = undefined;
  if (selection.peek().size > 0) selection.value = new Set();
}

/** Emails that a row stands for: with conversations, those of its thread that are where the list looks. */
export function emailsOfRow(id: string): string[] {
  const email = peekEmail(id);
  if (email === undefined || !preferences.peek().conversations) return [id];
  const mailboxId = currentMailbox.peek()?.id;
  const thread = threadSignal(email.threadId).peek();
  const here = thread.filter((each) => {
    const other = peekEmail(each);
    return other !== undefined && (mailboxId === undefined || mailboxId in other.mailboxIds);
  });
  return here.includes(id) ? here : [id];
}

/** What an action is for: the selection, else the message that is open, else the row of the keyboard. */
export function targetRows(): string[] {
  const selected = [...selection.peek()];
  if (selected.length > 0) return selected;
  const one = mailRoute.peek()?.email ?? focused.peek();
  return one === undefined ? [] : [one];
}

/** Opens a row; undefined closes what is open. */
export function openEmail(id: string | undefined, { replace = false } = {}): void {
  const at = mailRoute.peek();
  if (at === undefined) return;
  if (id !== undefined) focused.value = id;
  goTo({ ...at, email: id }, { replace });
}

/** The id of the row that many rows away from the one that is open or focused. */
export function neighbour(offset: number): string | undefined {
  const list = currentList.peek();
  if (list === undefined) return undefined;
  const from = focused.peek() ?? mailRoute.peek()?.email;
  const at = from === undefined ? -1 : list.indexOf(from);
  return list.idAt(Math.max(0, Math.min(at + offset, (list.total.peek() ?? 1) - 1)));
}

/** What is known of the emails of a row's thread; reading it in a component keeps it up to date. */
export function rowMembers(id: string) {
  const email = emailSignal(id).value;
  if (email === undefined) return [];
  if (!preferences.value.conversations) return [email];
  const thread = threadSignal(email.threadId).value;
  return thread.length === 0 ? [email] : thread.map((each) => emailSignal(each).value);
}
