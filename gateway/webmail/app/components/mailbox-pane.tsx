import { useState } from 'preact/hooks';
import { formatNumber, t, tn } from '../i18n/i18n.ts';
import type { Mailbox } from '../jmap/types.ts';
import { moveRows, nameOf } from '../state/actions.ts';
import { openCompose } from '../state/compose.ts';
import { clearSelection, currentMailbox, focused } from '../state/current-list.ts';
import { failed } from '../state/failed.ts';
import { type MailboxNode, mailboxTree, setMailbox } from '../state/mailboxes.ts';
import { preferences } from '../state/preferences.ts';
import { goTo, mailRoute, writeRoute } from '../state/route.ts';
import { confirmFirst, Dialog } from './dialog.tsx';
import { draggedRows } from './drag.ts';
import { Icon, type IconName } from './icon.tsx';
import { Menu } from './menu.tsx';
import { runSearch } from './search-bar.tsx';

const ICONS: Readonly<Record<string, IconName>> = {
  inbox: 'inbox',
  drafts: 'drafts',
  sent: 'sent',
  archive: 'archive',
  junk: 'junk',
  trash: 'trash',
};

type Naming = { readonly mailbox: Mailbox } | { readonly parent: Mailbox | undefined };

export function MailboxPane({ onChosen }: { readonly onChosen: () => void }) {
  const [naming, setNaming] = useState<Naming | undefined>(undefined);
  return (
    <nav id="mailboxes" class="mailboxes" aria-label={t('mailbox.list')}>
      <button type="button" class="button button-primary write-button" onClick={() => openCompose({ kind: 'new' })}>
        <Icon name="drafts" />
        {t('compose.new')}
      </button>
      <ul class="plain-list">
        {mailboxTree.value.map((node) => (
          <MailboxItem key={node.mailbox.id} node={node} onChosen={onChosen} onName={setNaming} />
        ))}
      </ul>
      <button type="button" class="mailbox-add" onClick={() => setNaming({ parent: undefined })}>
        <Icon name="plus" size={16} />
        {t('mailbox.new')}
      </button>
      <Labels onChosen={onChosen} />
      {naming !== undefined && <NameDialog naming={naming} onClose={() => setNaming(undefined)} />}
    </nav>
  );
}

function MailboxItem(props: {
  readonly node: MailboxNode;
  readonly onChosen: () => void;
  readonly onName: (naming: Naming) => void;
}) {
  const { mailbox, depth } = props.node;
  const [over, setOver] = useState(false);
  const name = nameOf(mailbox);
  const isCurrent = currentMailbox.value?.id === mailbox.id;
  const count = mailbox.role === 'drafts' ? mailbox.totalEmails : mailbox.unreadEmails;
  const shows = count > 0 && !['sent', 'trash', 'archive'].includes(mailbox.role ?? '');
  const to = { view: 'mail', mailbox: mailbox.role ?? mailbox.id, query: '', email: undefined } as const;
  const classes = [
    'mailbox',
    isCurrent && 'mailbox-current',
    over && 'mailbox-over',
    !mailbox.isSubscribed && depth >= 0 && mailbox.role === null && 'mailbox-unsubscribed',
  ];
  return (
    <li
      class={classes.filter(Boolean).join(' ')}
      onDragOver={(event) => {
        if (draggedRows().length === 0 || isCurrent) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        moveRows(draggedRows(), mailbox);
      }}
    >
      <a
        href={writeRoute(to)}
        aria-current={isCurrent ? 'page' : undefined}
        style={{ paddingInlineStart: `${12 + depth * 16}px` }}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          clearSelection();
          focused.value = undefined;
          goTo(to);
          props.onChosen();
        }}
      >
        <Icon name={ICONS[mailbox.role ?? ''] ?? 'folder'} />
        <span class="mailbox-name">{name}</span>
        {shows && (
          <span class={mailbox.role === 'drafts' ? 'mailbox-count quiet' : 'mailbox-count'}>
            <span aria-hidden="true">{formatNumber(count)}</span>
            <span class="visually-hidden">
              {mailbox.role === 'drafts' ? tn('list.messages', count) : tn('mailbox.unread', count)}
            </span>
          </span>
        )}
      </a>
      <Menu
        label={t('mailbox.actions', { name })}
        class="mailbox-menu"
        button={<Icon name="more" size={16} />}
        items={[
          { label: t('mailbox.newBelow'), icon: 'plus', run: () => props.onName({ parent: mailbox }) },
          ...(mailbox.role === null
            ? [
                { label: t('mailbox.rename'), icon: 'drafts' as const, run: () => props.onName({ mailbox }) },
                {
                  label: t(mailbox.isSubscribed ? 'mailbox.unsubscribe' : 'mailbox.subscribe'),
                  icon: 'bell' as const,
                  run: () =>
                    void setMailbox({ id: mailbox.id, update: { isSubscribed: !mailbox.isSubscribed } }).catch(failed),
                },
                {
                  label: t('mailbox.delete'),
                  icon: 'trash' as const,
                  danger: true,
                  run: () => void remove(mailbox).catch(failed),
                },
              ]
            : []),
        ]}
      />
    </li>
  );
}

async function remove(mailbox: Mailbox): Promise<void> {
  if (!(await confirmFirst(t('mailbox.deleteText', { name: mailbox.name }), t('mailbox.delete')))) return;
  const shown = currentMailbox.peek()?.id === mailbox.id;
  await setMailbox({ destroy: mailbox.id });
  if (shown) goTo({ view: 'mail', mailbox: 'inbox', query: '', email: undefined });
}

function NameDialog({ naming, onClose }: { readonly naming: Naming; readonly onClose: () => void }) {
  const [problem, setProblem] = useState('');
  const renames = 'mailbox' in naming;
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const name = String(form.get('name') ?? '').trim();
    if (name === '') return;
    try {
      if (renames) await setMailbox({ id: naming.mailbox.id, update: { name } });
      else await setMailbox({ create: { name, parentId: naming.parent?.id ?? null, isSubscribed: true } });
      onClose();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <Dialog title={t(renames ? 'mailbox.rename' : 'mailbox.new')} onClose={onClose} class="dialog-small">
      <form class="dialog-form" onSubmit={(event) => void submit(event)}>
        <label class="field">
          {t('mailbox.name')}
          <input
            name="name"
            required
            maxLength={200}
            defaultValue={renames ? naming.mailbox.name : ''}
            autocomplete="off"
          />
        </label>
        <p class="problem" role="alert">
          {problem}
        </p>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button type="submit" class="button button-primary">
            {t(renames ? 'mailbox.rename' : 'mailbox.create')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Labels({ onChosen }: { readonly onChosen: () => void }) {
  const { labels } = preferences.value;
  if (labels.length === 0) return null;
  const current = mailRoute.value?.query;
  return (
    <>
      <h2 class="mailbox-heading">{t('mailbox.labels')}</h2>
      <ul class="plain-list">
        {labels.map(({ keyword, name, colour }) => (
          <li key={keyword} class={current === `label:${keyword}` ? 'mailbox mailbox-current' : 'mailbox'}>
            <button
              type="button"
              class="mailbox-link"
              onClick={() => {
                runSearch({ text: '', chips: [{ kind: 'label', value: keyword }] });
                onChosen();
              }}
            >
              <span class={`label-dot label-${colour % 8}`} />
              <span class="mailbox-name">{name}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
