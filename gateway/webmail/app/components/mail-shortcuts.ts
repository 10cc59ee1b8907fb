import { useEffect } from 'preact/hooks';
import { archiveRows, deleteRows, flagRows, junkRows, markRead, undo } from '../state/actions.ts';
import { openCompose } from '../state/compose.ts';
import {
  clearSelection,
  focused,
  neighbour,
  openEmail,
  select,
  selection,
  selectShown,
  targetRows,
} from '../state/current-list.ts';
import { peekEmail } from '../state/emails.ts';
import { failed } from '../state/failed.ts';
import { pageDialog } from '../state/page-dialog.ts';
import { goTo, mailRoute } from '../state/route.ts';
import { registerShortcuts, type Shortcut } from '../state/shortcuts.ts';
import { choosing } from './choose-dialogs.tsx';

/** Moves by a row; what is open gives way to it. */
function step(offset: number): void {
  const id = neighbour(offset);
  if (id === undefined) return;
  if (mailRoute.peek()?.email !== undefined) openEmail(id, { replace: true });
  else focused.value = id;
  document.querySelector<HTMLElement>(`[data-email="${CSS.escape(id)}"]`)?.focus();
}

/** The message that a reply is for: the newest that is open. */
const opened = (): string | undefined => mailRoute.peek()?.email ?? focused.peek();

const goToMailbox = (mailbox: string) => (): void => {
  clearSelection();
  goTo({ view: 'mail', mailbox, query: '', email: undefined });
};

const reply = (kind: 'reply' | 'reply-all' | 'forward') => (): void => {
  const emailId = opened();
  if (emailId !== undefined) openCompose({ kind, emailId });
};

const SHORTCUTS: readonly Shortcut[] = [
  { keys: ['j', 'n'], name: 'shortcut.next', group: 'move', run: () => step(1) },
  { keys: ['k', 'p'], name: 'shortcut.previous', group: 'move', run: () => step(-1) },
  { keys: ['o', 'Enter'], name: 'shortcut.open', group: 'move', run: () => openEmail(focused.peek() ?? neighbour(0)) },
  {
    keys: ['Escape'],
    name: 'shortcut.back',
    group: 'move',
    run() {
      if (selection.peek().size > 0) clearSelection();
      else openEmail(undefined);
    },
  },
  {
    keys: ['x'],
    name: 'shortcut.select',
    group: 'move',
    run() {
      const id = focused.peek() ?? neighbour(0);
      if (id !== undefined) select(id, 'toggle');
    },
  },
  { keys: ['*', 'Mod+a'], name: 'shortcut.selectAll', group: 'move', run: selectShown },
  { keys: ['/'], name: 'shortcut.search', group: 'move', run: () => document.getElementById('search')?.focus() },
  {
    keys: ['?'],
    name: 'shortcut.help',
    group: 'move',
    run() {
      pageDialog.value = 'shortcuts';
    },
  },
  { keys: ['e'], name: 'action.archive', group: 'act', run: () => void archiveRows(targetRows()).catch(failed) },
  {
    keys: ['#', 'Delete'],
    name: 'action.delete',
    group: 'act',
    run: () => void deleteRows(targetRows()).catch(failed),
  },
  { keys: ['!'], name: 'action.junk', group: 'act', run: () => void junkRows(targetRows()).catch(failed) },
  {
    keys: ['s'],
    name: 'action.flag',
    group: 'act',
    run() {
      const rows = targetRows();
      flagRows(rows, !rows.every((id) => '$flagged' in (peekEmail(id)?.keywords ?? {})));
    },
  },
  { keys: ['Shift+i'], name: 'action.read', group: 'act', run: () => markRead(targetRows(), true) },
  { keys: ['u', 'Shift+u'], name: 'action.unread', group: 'act', run: () => markRead(targetRows(), false) },
  {
    keys: ['v'],
    name: 'action.move',
    group: 'act',
    run() {
      choosing.value = { what: 'mailbox', rows: targetRows() };
    },
  },
  {
    keys: ['l'],
    name: 'action.label',
    group: 'act',
    run() {
      choosing.value = { what: 'label', rows: targetRows() };
    },
  },
  { keys: ['z', 'Mod+z'], name: 'shortcut.undo', group: 'act', run: undo },
  { keys: ['c'], name: 'compose.new', group: 'compose', run: () => openCompose({ kind: 'new' }) },
  { keys: ['r'], name: 'action.reply', group: 'compose', run: reply('reply') },
  { keys: ['a'], name: 'action.replyAll', group: 'compose', run: reply('reply-all') },
  { keys: ['f'], name: 'action.forward', group: 'compose', run: reply('forward') },
  { keys: ['g i'], name: 'shortcut.goInbox', group: 'go', run: goToMailbox('inbox') },
  { keys: ['g d'], name: 'shortcut.goDrafts', group: 'go', run: goToMailbox('drafts') },
  { keys: ['g s'], name: 'shortcut.goSent', group: 'go', run: goToMailbox('sent') },
  { keys: ['g a'], name: 'shortcut.goArchive', group: 'go', run: goToMailbox('archive') },
  { keys: ['g t'], name: 'shortcut.goTrash', group: 'go', run: goToMailbox('trash') },
];

export function useMailShortcuts(): void {
  useEffect(() => registerShortcuts(SHORTCUTS), []);
}
