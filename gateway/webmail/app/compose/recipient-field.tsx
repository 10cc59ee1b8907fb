import type { Signal } from '@preact/signals';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../components/icon.tsx';
import { t } from '../i18n/i18n.ts';
import { call } from '../jmap/request.ts';
import type { Address } from '../jmap/types.ts';
import { isAddress, readAddresses, showAddress, typedAddress, withoutAddresses } from './addresses.ts';

const ASK_AFTER_MS = 120;

/** Addresses as chips, and a text field behind them that completes from those whom the user wrote to before. */
export function RecipientField(props: {
  readonly label: string;
  readonly value: Signal<readonly Address[]>;
  readonly autoFocus?: boolean;
}) {
  const { label, value } = props;
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const { found, setFound, marked, setMarked } = useCompletion(text, value);
  useLayoutEffect(() => {
    if (props.autoFocus === true) input.current?.focus();
  }, []);

  const add = (list: readonly Address[]): void => {
    const own = value.peek().map(({ email }) => email);
    value.value = [...value.peek(), ...withoutAddresses(list, own)];
    setText('');
    setFound([]);
  };
  const remove = (address: Address): void => {
    value.value = value.peek().filter((each) => each !== address);
    input.current?.focus();
  };
  const take = (): void => add(readAddresses(text));
  const edit = (address: Address): void => {
    remove(address);
    setText(typedAddress(address));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const chosen = found[marked];
    const last = value.peek().at(-1);
    if (event.isComposing) return;
    if (found.length > 0 && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      setMarked((marked + (event.key === 'ArrowDown' ? 1 : found.length - 1)) % found.length);
    } else if (found.length > 0 && event.key === 'Escape') setFound([]);
    else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) chosen === undefined ? take() : add([chosen]);
    else if (event.key === 'Tab' && chosen !== undefined && !event.shiftKey) add([chosen]);
    else if ((event.key === ',' || event.key === ';') && isAddress(readAddresses(text).at(-1)?.email ?? '')) take();
    else if (event.key === 'Backspace' && text === '' && last !== undefined) edit(last);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="recipients">
      <label class="recipients-label" for={id}>
        {label}
      </label>
      <div class="recipients-box">
        <ul class="plain-list recipients-chips" aria-label={label}>
          {value.value.map((address) => (
            <Chip key={address.email} address={address} onRemove={() => remove(address)} onEdit={() => edit(address)} />
          ))}
        </ul>
        <input
          id={id}
          ref={input}
          class="recipients-input"
          type="text"
          inputMode="email"
          role="combobox"
          aria-autocomplete="list"
          aria-expanded={found.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={found[marked] === undefined ? undefined : `${id}-${marked}`}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            const pasted = event.clipboardData?.getData('text/plain') ?? '';
            if (text !== '' || !/[,;\n@]/.test(pasted)) return;
            event.preventDefault();
            add(readAddresses(pasted));
          }}
          onBlur={() => {
            take();
            setFound([]);
          }}
        />
        <div
          id={`${id}-list`}
          class="completion"
          role="listbox"
          aria-label={t('compose.suggestions')}
          hidden={found.length === 0}
        >
          {found.map((address, index) => (
            <div
              key={address.email}
              id={`${id}-${index}`}
              class="completion-item"
              role="option"
              aria-selected={index === marked}
              // Before the field loses the focus, which would take what was typed.
              onPointerDown={(event) => {
                event.preventDefault();
                add([address]);
              }}
              onPointerEnter={() => setMarked(index)}
            >
              <span>{address.name ?? address.email}</span>
              {address.name !== null && <span class="quiet">{address.email}</span>}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

function Chip(props: { readonly address: Address; readonly onRemove: () => void; readonly onEdit: () => void }) {
  const { address } = props;
  const wrong = !isAddress(address.email);
  const text = showAddress(address);
  return (
    <li class={`recipient${wrong ? ' recipient-wrong' : ''}`} title={text}>
      <span class="recipient-name" onDblClick={props.onEdit}>
        {wrong && <span class="visually-hidden">{t('compose.notAnAddress')} </span>}
        {address.name ?? address.email}
      </span>
      <button
        type="button"
        class="recipient-remove"
        aria-label={t('compose.removeRecipient', { name: text })}
        onClick={props.onRemove}
      >
        <Icon name="close" size={12} />
      </button>
    </li>
  );
}

/** People whom the user wrote to before and whose name or address begins like this. */
function useCompletion(text: string, taken: Signal<readonly Address[]>) {
  const [found, setFound] = useState<readonly Address[]>([]);
  const [marked, setMarked] = useState(0);
  useEffect(() => {
    const wanted = text.trim();
    if (wanted === '') return setFound([]);
    let current = true;
    const timer = setTimeout(() => {
      call<{ list: readonly Address[] }>('Recipient/query', { text: wanted.slice(0, 200), limit: 8 }).then(
        ({ list }) => {
          if (!current) return;
          setFound(
            withoutAddresses(
              list,
              taken.peek().map(({ email }) => email),
            ),
          );
          setMarked(0);
        },
        // Who cannot be offered can still be typed.
        () => undefined,
      );
    }, ASK_AFTER_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text]);
  return { found, setFound, marked, setMarked };
}
