import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import { nameOf } from '../state/actions.ts';
import { currentMailbox, findMailboxId } from '../state/current-list.ts';
import { mailboxes } from '../state/mailboxes.ts';
import { preferences } from '../state/preferences.ts';
import { goTo, mailRoute } from '../state/route.ts';
import { type Chip, readSearch, type SearchQuery, writeSearch } from '../state/search-query.ts';
import { Icon, type IconName } from './icon.tsx';

/** The mailbox that a search came from, to go back to. */
let cameFrom = 'inbox';

export function runSearch(search: SearchQuery): void {
  const at = mailRoute.peek();
  if (at !== undefined && at.query === '') cameFrom = at.mailbox || 'inbox';
  const query = writeSearch(search);
  if (query === '') goTo({ view: 'mail', mailbox: cameFrom, query: '', email: undefined });
  else goTo({ view: 'mail', mailbox: '', query, email: undefined });
}

/** Words to look for, and chips that narrow it down; all mailboxes, unless a chip says where. */
export function SearchBar() {
  const search = readSearch(mailRoute.value?.query ?? '');
  const [text, setText] = useState(search.text);
  const [open, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => setText(search.text), [search.text]);

  const submit = (more: readonly Chip[] = []): void => {
    const typed = readSearch(text);
    runSearch({ text: typed.text, chips: [...search.chips, ...typed.chips, ...more] });
    setText(typed.text);
  };
  const remove = (chip: Chip): void => {
    runSearch({ text: search.text, chips: search.chips.filter((each) => each !== chip) });
    input.current?.focus();
  };
  return (
    <form
      ref={form}
      role="search"
      class={open ? 'search search-open' : 'search'}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
        setOpen(false);
        input.current?.blur();
      }}
      onFocusIn={() => setOpen(true)}
      onFocusOut={(event) => {
        if (!form.current?.contains(event.relatedTarget as Node | null)) setOpen(false);
      }}
    >
      <Icon name="search" />
      {search.chips.map((chip) => (
        <button
          key={`${chip.kind}:${chip.value}`}
          type="button"
          class="chip"
          aria-label={t('search.remove', { chip: chipText(chip) })}
          onClick={() => remove(chip)}
        >
          {chipText(chip)}
          <Icon name="close" size={13} />
        </button>
      ))}
      <input
        ref={input}
        id="search"
        type="search"
        value={text}
        placeholder={search.chips.length > 0 ? '' : t('search.placeholder')}
        aria-label={t('search.label')}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          const last = search.chips.at(-1);
          if (event.key === 'Backspace' && text === '' && last !== undefined) remove(last);
          if (event.key === 'Escape') {
            if (text !== '' || search.chips.length > 0) runSearch({ text: '', chips: [] });
            input.current?.blur();
          }
        }}
      />
      {(text !== '' || search.chips.length > 0) && (
        <button
          type="button"
          class="icon-button"
          aria-label={t('search.clear')}
          title={t('search.clear')}
          onClick={() => runSearch({ text: '', chips: [] })}
        >
          <Icon name="close" size={16} />
        </button>
      )}
      {open && (
        <Suggestions
          chips={search.chips}
          add={submit}
          begin={(prefix) => {
            setText(`${text === '' ? '' : `${text} `}${prefix}`);
            input.current?.focus();
          }}
        />
      )}
    </form>
  );
}

function Suggestions(props: {
  readonly chips: readonly Chip[];
  readonly add: (chips: readonly Chip[]) => void;
  readonly begin: (prefix: string) => void;
}) {
  const mailbox = currentMailbox.value;
  const week = new Date(Date.now() - 7 * 86_400_000).toISOString().slice(0, 10);
  const offered: readonly { readonly icon: IconName; readonly label: string; readonly chip: Chip | string }[] = [
    { icon: 'clip', label: t('search.attachment'), chip: { kind: 'has', value: 'attachment' } },
    { icon: 'mail', label: t('search.unread'), chip: { kind: 'is', value: 'unread' } },
    { icon: 'flag', label: t('search.flagged'), chip: { kind: 'is', value: 'flagged' } },
    { icon: 'bell', label: t('search.week'), chip: { kind: 'after', value: week } },
    ...(mailbox === undefined
      ? []
      : [
          {
            icon: 'folder' as const,
            label: t('search.here', { name: nameOf(mailbox) }),
            chip: { kind: 'in' as const, value: mailbox.role ?? mailbox.name },
          },
        ]),
    { icon: 'user', label: t('search.from'), chip: 'from:' },
    { icon: 'user', label: t('search.to'), chip: 'to:' },
  ];
  const has = (chip: Chip | string): boolean =>
    typeof chip !== 'string' && props.chips.some(({ kind, value }) => kind === chip.kind && value === chip.value);
  return (
    <div class="search-suggestions" role="group" aria-label={t('search.hint')}>
      <span class="quiet search-hint">{t('search.hint')}</span>
      {offered
        .filter(({ chip }) => !has(chip))
        .map(({ icon, label, chip }) => (
          <button
            key={label}
            type="button"
            class="chip chip-offered"
            onClick={() => (typeof chip === 'string' ? props.begin(chip) : props.add([chip]))}
          >
            <Icon name={icon} size={14} />
            {label}
          </button>
        ))}
    </div>
  );
}

function chipText(chip: Chip): string {
  if (chip.kind === 'has') return t('search.attachment');
  if (chip.kind === 'is' && chip.value === 'unread') return t('search.unread');
  if (chip.kind === 'is' && chip.value === 'flagged') return t('search.flagged');
  if (chip.kind === 'in') {
    const mailbox = mailboxes.value.get(findMailboxId(chip.value) ?? '');
    return t('search.here', { name: mailbox === undefined ? chip.value : nameOf(mailbox) });
  }
  if (chip.kind === 'label') {
    return preferences.value.labels.find(({ keyword }) => keyword === chip.value)?.name ?? chip.value;
  }
  return `${chip.kind}: ${chip.value}`;
}
