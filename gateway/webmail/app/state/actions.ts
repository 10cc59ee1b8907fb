import { batch } from '@preact/signals';
import { confirmFirst } from '../components/dialog.tsx';
import type { PluralKey } from '../i18n/catalogue.ts';
import { t, tn } from '../i18n/i18n.ts';
import { call, callAll, MethodFailed } from '../jmap/request.ts';
import type { EmailHead, Mailbox, QueryAnswer, SetAnswer } from '../jmap/types.ts';
import {
  clearSelection,
  currentList,
  currentMailbox,
  emailsOfRow,
  focused,
  neighbour,
  openEmail,
} from './current-list.ts';
import { emailSignal, emailState, forgetEmail, knowState, peekEmail } from './emails.ts';
import { failed } from './failed.ts';
import { adjustCounts, ensureMailbox, mailboxByRole } from './mailboxes.ts';
import { escapePath, keepAsked, type Patch, patched, readPath } from './patches.ts';
import { mailRoute } from './route.ts';
import { showToast } from './toasts.ts';

/** What is sent at a time; the server goes through them one by one. */
const SLICE = 200;

let undoLast: (() => void) | undefined;
export const undo = (): void => undoLast?.();
/** What {@link undo} does from now on; answers a function that forgets it, unless something else has taken its place. */
export function rememberUndo(run: () => void): () => void {
  undoLast = run;
  return () => {
    if (undoLast === run) undoLast = undefined;
  };
}

/** Shows the change at once, then asks the server for it; when it refuses, all is read anew. */
async function update(patches: ReadonlyMap<string, Patch>): Promise<void> {
  batch(() => {
    for (const [id, patch] of patches) applyLocally(id, patch);
  });
  const answered = keepAsked(patches);
  try {
    await ask([...patches]);
  } finally {
    answered();
  }
}

async function ask(entries: readonly (readonly [string, Patch])[]): Promise<void> {
  for (let at = 0; at < entries.length; at += SLICE) {
    const slice = Object.fromEntries(entries.slice(at, at + SLICE));
    const answer = await call<SetAnswer>('Email/set', { update: slice });
    keepState(answer);
    const refused = Object.values(answer.notUpdated ?? {}).find(({ type }) => type !== 'notFound');
    if (refused !== undefined) throw new MethodFailed(refused.type, refused.description);
  }
}

/** What we did ourselves we need not be told of. */
function keepState({ oldState, newState }: SetAnswer): void {
  if (oldState === emailState) knowState(newState);
}

function applyLocally(id: string, patch: Patch): void {
  const held = emailSignal(id);
  const email = held.peek();
  if (email === undefined) return;
  const changed = patched(email, patch);
  countDifference(email, changed);
  held.value = changed;
}

const isUnread = ({ keywords }: EmailHead): boolean => !('$seen' in keywords) && !('$draft' in keywords);

function countDifference(before: EmailHead, after: EmailHead): void {
  for (const id of new Set([...Object.keys(before.mailboxIds), ...Object.keys(after.mailboxIds)])) {
    const was = id in before.mailboxIds;
    const is = id in after.mailboxIds;
    const total = Number(is) - Number(was);
    const unread = Number(is && isUnread(after)) - Number(was && isUnread(before));
    if (total !== 0 || unread !== 0) adjustCounts(id, { total, unread });
  }
}

/** The patches that make everything as it was before these. */
function inverse(patches: ReadonlyMap<string, Patch>): Map<string, Patch> {
  const back = new Map<string, Patch>();
  for (const [id, patch] of patches) {
    const email = peekEmail(id);
    if (email === undefined) continue;
    const own: Record<string, true | null> = {};
    for (const path of Object.keys(patch)) {
      const [property, name] = readPath(path);
      own[path] = name in email[property] ? true : null;
    }
    back.set(id, own);
  }
  return back;
}

/** Reads the list anew, where it stands. */
const reread = async (): Promise<void> => void (await currentList.peek()?.refresh(undefined));

/** Does something to emails, says so, and offers to undo it. `leaves`: rows that are not in the list any more. */
function perform(patches: ReadonlyMap<string, Patch>, said: string, leaves: readonly string[] = []): void {
  if (patches.size === 0) return;
  const back = inverse(patches);
  if (leaves.length > 0) leaveRows(leaves);
  const work = update(patches).catch(async (error: unknown) => {
    failed(error);
    batch(() => {
      for (const [id, patch] of back) applyLocally(id, patch);
    });
    await reread();
  });
  undoLast = () => {
    undoLast = undefined;
    void work
      .then(() => update(back))
      .then(reread)
      .then(() => showToast({ kind: 'done', text: t('done.undone') }, 3_000))
      .catch(failed);
  };
  showToast({ kind: 'done', text: said, action: { label: t('app.undo'), run: undo } });
}

/** Takes rows out of the list; what was open gives way to its neighbour's row, closed. */
function leaveRows(rows: readonly string[]): void {
  const list = currentList.peek();
  const open = mailRoute.peek()?.email;
  const gone = new Set(rows);
  const next = [1, -1].map(neighbour).find((id) => id !== undefined && !gone.has(id));
  clearSelection();
  if (open !== undefined && gone.has(open)) openEmail(undefined, { replace: true });
  if (focused.peek() !== undefined && gone.has(focused.peek() as string)) focused.value = next;
  list?.remove(gone);
}

/** Patches of every email of these rows that `patch` has something for. */
function patchesOf(rows: readonly string[], patch: (email: EmailHead) => Patch | undefined): Map<string, Patch> {
  const patches = new Map<string, Patch>();
  for (const row of rows) {
    for (const id of emailsOfRow(row)) {
      const email = peekEmail(id);
      const own = email === undefined ? undefined : patch(email);
      if (own !== undefined && Object.keys(own).length > 0) patches.set(id, own);
    }
  }
  return patches;
}

/** Where emails leave from when they are moved: the mailbox that is shown, or wherever they are. */
function moving(email: EmailHead, target: Mailbox): Patch | undefined {
  const shown = currentMailbox.peek();
  if (target.id in email.mailboxIds && (shown === undefined || shown.id === target.id)) return undefined;
  const from = shown !== undefined && shown.id in email.mailboxIds ? [shown.id] : Object.keys(email.mailboxIds);
  const leaving = Object.fromEntries(from.filter((id) => id !== target.id).map((id) => [`mailboxIds/${id}`, null]));
  return { ...leaving, [`mailboxIds/${target.id}`]: true };
}

function moveTo(rows: readonly string[], target: Mailbox, key: PluralKey, name = target.name, more: Patch = {}): void {
  const patches = patchesOf(rows, (email) => {
    const move = moving(email, target);
    return move === undefined ? undefined : { ...move, ...more };
  });
  // A search shows what fits it, wherever that lies.
  const leaves = currentMailbox.peek() === undefined ? [] : rows;
  perform(patches, tn(key, rows.length, { name }), leaves);
  if (leaves.length === 0) clearSelection();
}

export const moveRows = (rows: readonly string[], target: Mailbox): void =>
  moveTo(rows, target, 'done.moved', nameOf(target));

export async function archiveRows(rows: readonly string[]): Promise<void> {
  if (rows.length > 0) moveTo(rows, await ensureMailbox('archive'), 'done.archived');
}

/** Marks as junk, or as none where the junk mailbox is shown. Keywords by RFC 9051 §2.3.2. */
export async function junkRows(rows: readonly string[]): Promise<void> {
  if (rows.length === 0) return;
  if (currentMailbox.peek()?.role === 'junk') {
    const inbox = mailboxByRole('inbox');
    if (inbox !== undefined)
      moveTo(rows, inbox, 'done.notJunk', '', { 'keywords/$notjunk': true, 'keywords/$junk': null });
  } else {
    moveTo(rows, await ensureMailbox('junk'), 'done.junk', '', { 'keywords/$junk': true, 'keywords/$notjunk': null });
  }
}

/** To the trash; what is there already, and junk, is asked about and gone for good. */
export async function deleteRows(rows: readonly string[]): Promise<void> {
  if (rows.length === 0) return;
  const role = currentMailbox.peek()?.role;
  if (role !== 'trash' && role !== 'junk') return moveTo(rows, await ensureMailbox('trash'), 'done.deleted');
  if (!(await confirmFirst(tn('confirm.destroy', rows.length), t('action.deleteForever')))) return;
  const ids = rows.flatMap(emailsOfRow);
  leaveRows(rows);
  await destroy(ids);
  showToast({ kind: 'done', text: tn('done.destroyed', rows.length) });
}

async function destroy(ids: readonly string[]): Promise<void> {
  for (let at = 0; at < ids.length; at += SLICE) {
    const slice = ids.slice(at, at + SLICE);
    const answer = await call<SetAnswer>('Email/set', { destroy: slice });
    for (const id of answer.destroyed ?? []) forgetEmail(id);
  }
}

/** Everything in a mailbox, for good. */
export async function emptyMailbox({ id, name }: Mailbox): Promise<void> {
  if (!(await confirmFirst(t('list.emptyTrashText', { name }), t('action.deleteForever')))) return;
  let count = 0;
  for (;;) {
    const [found] = await callAll([['Email/query', { filter: { inMailbox: id }, limit: SLICE }]]);
    if (found instanceof MethodFailed) throw found;
    const { ids } = found as QueryAnswer;
    if (ids.length === 0) break;
    await destroy(ids);
    count += ids.length;
  }
  openEmail(undefined, { replace: true });
  await reread();
  showToast({ kind: 'done', text: tn('done.destroyed', count) });
}

const flagging = (rows: readonly string[], keyword: string, on: boolean, all: boolean): Map<string, Patch> => {
  const path = `keywords/${escapePath(keyword)}`;
  const one = all ? rows : rows.slice();
  return patchesOf(one, (email) => (keyword in email.keywords === on ? undefined : { [path]: on ? true : null }));
};

export function markRead(rows: readonly string[], read: boolean): void {
  perform(flagging(rows, '$seen', read, true), tn(read ? 'done.read' : 'done.unread', rows.length));
  clearSelection();
}

/** Opening a message marks it as read, which needs no words. */
export function markSeenQuietly(id: string): void {
  if ('$seen' in (peekEmail(id)?.keywords ?? {})) return;
  update(new Map([[id, { 'keywords/$seen': true }]])).catch(failed);
}

/** Flags the row's own email, or takes the flags of all of its thread. */
export function flagRows(rows: readonly string[], on: boolean): void {
  const patches = new Map<string, Patch>();
  for (const row of rows) {
    for (const id of on ? [row] : emailsOfRow(row)) {
      const email = peekEmail(id);
      if (email !== undefined && '$flagged' in email.keywords !== on)
        patches.set(id, { 'keywords/$flagged': on ? true : null });
    }
  }
  perform(patches, tn(on ? 'done.flagged' : 'done.unflagged', rows.length));
}

export function labelRows(rows: readonly string[], keyword: string, on: boolean): void {
  perform(flagging(rows, keyword, on, true), tn('done.labelled', rows.length));
}

const ROLES = ['inbox', 'drafts', 'sent', 'archive', 'junk', 'trash'] as const;

/** The mailbox's name, in the user's language where its role has one. */
export function nameOf({ role, name }: Pick<Mailbox, 'role' | 'name'>): string {
  const known = ROLES.find((each) => each === role);
  return known === undefined ? name : t(`mailbox.${known}`);
}
