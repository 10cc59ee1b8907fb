import { useEffect, useState } from 'preact/hooks';
import { t, tn } from '../i18n/i18n.ts';
import { Conversation } from '../message-view/conversation.tsx';
import '../styles/mail.css';
import { emptyMailbox, nameOf } from '../state/actions.ts';
import { clearSelection, currentList, currentMailbox, selection, selectShown } from '../state/current-list.ts';
import { failed } from '../state/failed.ts';
import { pageDialog } from '../state/page-dialog.ts';
import { connected } from '../state/push.ts';
import { mailRoute } from '../state/route.ts';
import { followAccount } from '../state/sync.ts';
import { AccountMenu } from './account-menu.tsx';
import { ActionBar } from './action-bar.tsx';
import { EmptyState, IconButton } from './button.tsx';
import { ChooseDialogs } from './choose-dialogs.tsx';
import { useMailShortcuts } from './mail-shortcuts.ts';
import { MailboxPane } from './mailbox-pane.tsx';
import { MessageListView } from './message-list-view.tsx';
import { SearchBar } from './search-bar.tsx';
import { SessionsDialog } from './sessions-dialog.tsx';
import { ShortcutsDialog } from './shortcuts-dialog.tsx';

/** Mailboxes, list and message, side by side where there is room, else one at a time. */
export function MailPage() {
  const [drawer, setDrawer] = useState(false);
  useEffect(followAccount, []);
  useMailShortcuts();
  const open = mailRoute.value?.email;
  return (
    <div class={`frame ${open === undefined ? 'frame-list' : 'frame-message'} ${drawer ? 'frame-drawer' : ''}`}>
      <header class="topbar">
        <IconButton icon="menu" class="drawer-button" label={t('app.menu')} onClick={() => setDrawer(!drawer)} />
        <a class="brand" href="/mail/inbox" aria-label={t('app.name')}>
          <img src="/icon.svg" alt="" width="28" height="28" />
          <span>{t('app.name')}</span>
        </a>
        <SearchBar />
        <AccountMenu />
      </header>
      {!connected.value && (
        <p class="offline" role="status">
          {t('app.offline')}
        </p>
      )}
      <div class="panes">
        <MailboxPane onChosen={() => setDrawer(false)} />
        <button type="button" class="drawer-shade" tabIndex={-1} aria-hidden="true" onClick={() => setDrawer(false)} />
        <main class="mail-main">
          <h1 class="visually-hidden">{t('app.name')}</h1>
          <ListPane />
          <section class="message-pane" aria-label={t('message.pane')}>
            {open === undefined ? (
              <EmptyState icon="mailOpen" title={t('message.none')} />
            ) : (
              <Conversation key={open} emailId={open} />
            )}
          </section>
        </main>
      </div>
      <ChooseDialogs />
      {pageDialog.value === 'shortcuts' && <ShortcutsDialog onClose={closeDialog} />}
      {pageDialog.value === 'sessions' && <SessionsDialog onClose={closeDialog} />}
    </div>
  );
}

const closeDialog = (): void => {
  pageDialog.value = undefined;
};

function ListPane() {
  const mailbox = currentMailbox.value;
  const name = mailbox === undefined ? t('search.results') : nameOf(mailbox);
  const selected = selection.value;
  const total = currentList.value?.total.value;
  return (
    <section class="list-pane" aria-label={name}>
      {selected.size > 0 ? (
        <div class="list-head list-head-selected">
          <IconButton icon="close" label={t('list.clearSelection')} onClick={clearSelection} />
          <strong class="list-selected">{tn('list.selected', selected.size)}</strong>
          <ActionBar rows={[...selected]} short />
        </div>
      ) : (
        <div class="list-head">
          <h2>{name}</h2>
          <span class="quiet">{total === undefined ? '' : tn('list.messages', total)}</span>
          <span class="spacer" />
          {mailbox !== undefined && ['trash', 'junk'].includes(mailbox.role ?? '') && (total ?? 0) > 0 && (
            <button type="button" class="link-button" onClick={() => void emptyMailbox(mailbox).catch(failed)}>
              {t('list.emptyTrash')}
            </button>
          )}
          <IconButton icon="check" label={t('list.selectAll')} hint="*" disabled={!total} onClick={selectShown} />
        </div>
      )}
      <div class="list-box">
        <MessageListView />
      </div>
    </section>
  );
}
