import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import { labelRows, moveRows, nameOf } from '../state/actions.ts';
import { emailsOfRow } from '../state/current-list.ts';
import { peekEmail } from '../state/emails.ts';
import { failed } from '../state/failed.ts';
import { mailboxTree } from '../state/mailboxes.ts';
import { changePreferences, preferences } from '../state/preferences.ts';
import { Dialog } from './dialog.tsx';
import { Icon } from './icon.tsx';

/** What is asked for now: where to move these rows, or which labels they get. */
export const choosing = signal<{ readonly what: 'mailbox' | 'label'; readonly rows: readonly string[] } | undefined>(
  undefined,
);
const close = (): void => {
  choosing.value = undefined;
};

export function ChooseDialogs() {
  const asked = choosing.value;
  if (asked === undefined || asked.rows.length === 0) return null;
  return asked.what === 'mailbox' ? <MoveDialog rows={asked.rows} /> : <LabelDialog rows={asked.rows} />;
}

function MoveDialog({ rows }: { readonly rows: readonly string[] }) {
  const [text, setText] = useState('');
  const fits = mailboxTree.value.filter(({ mailbox }) => nameOf(mailbox).toLowerCase().includes(text.toLowerCase()));
  const choose = (id: string): void => {
    const node = fits.find(({ mailbox }) => mailbox.id === id);
    close();
    if (node !== undefined) moveRows(rows, node.mailbox);
  };
  return (
    <Dialog title={t('move.title')} onClose={close} class="dialog-small">
      <form
        class="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          const first = fits[0];
          if (first !== undefined) choose(first.mailbox.id);
        }}
      >
        <input
          class="input"
          type="text"
          aria-label={t('move.filter')}
          placeholder={t('move.filter')}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <ul class="plain-list choices">
          {fits.map(({ mailbox, depth }) => (
            <li key={mailbox.id}>
              <button
                type="button"
                class="choice"
                style={{ paddingInlineStart: `${8 + depth * 16}px` }}
                onClick={() => choose(mailbox.id)}
              >
                <Icon name="folder" size={16} />
                {nameOf(mailbox)}
              </button>
            </li>
          ))}
        </ul>
      </form>
    </Dialog>
  );
}

function LabelDialog({ rows }: { readonly rows: readonly string[] }) {
  const [text, setText] = useState('');
  const emails = rows.flatMap(emailsOfRow).map(peekEmail);
  const [on, setOn] = useState<ReadonlySet<string>>(
    new Set(emails.flatMap((email) => Object.keys(email?.keywords ?? {}))),
  );
  const { labels } = preferences.value;
  const typed = text.trim();
  const fits = labels.filter(({ name }) => name.toLowerCase().includes(typed.toLowerCase()));
  const isNew = typed !== '' && !labels.some(({ name }) => name.toLowerCase() === typed.toLowerCase());
  const toggle = (keyword: string): void => {
    const next = new Set(on);
    if (!next.delete(keyword)) next.add(keyword);
    setOn(next);
    labelRows(rows, keyword, next.has(keyword));
  };
  const make = (): void => {
    const keyword = keywordFor(
      typed,
      labels.map((each) => each.keyword),
    );
    changePreferences({ labels: [...labels, { keyword, name: typed, colour: labels.length % 8 }] }).catch(failed);
    setText('');
    toggle(keyword);
  };
  return (
    <Dialog title={t('label.title')} onClose={close} class="dialog-small">
      <form
        class="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (isNew) make();
          else if (fits[0] !== undefined) toggle(fits[0].keyword);
        }}
      >
        <input
          class="input"
          type="text"
          maxLength={60}
          aria-label={t('label.filter')}
          placeholder={t('label.filter')}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {labels.length === 0 && !isNew && <p class="quiet">{t('label.none')}</p>}
        <ul class="plain-list choices">
          {fits.map(({ keyword, name, colour }) => (
            <li key={keyword}>
              <label class="choice">
                <input type="checkbox" checked={on.has(keyword)} onChange={() => toggle(keyword)} />
                <span class={`label-dot label-${colour % 8}`} />
                {name}
              </label>
            </li>
          ))}
          {isNew && (
            <li>
              <button type="submit" class="choice">
                <Icon name="plus" size={16} />
                {t('label.make', { name: typed })}
              </button>
            </li>
          )}
        </ul>
      </form>
    </Dialog>
  );
}

/** An IMAP keyword (RFC 9051 §2.3.2) for a name of the user's: what it can keep of it, and a number where that is taken. */
export function keywordFor(name: string, taken: readonly string[]): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  const base = plain === '' ? 'label' : plain;
  for (let n = 1; ; n += 1) {
    const keyword = n === 1 ? base : `${base}-${n}`;
    if (!taken.includes(keyword)) return keyword;
  }
}
