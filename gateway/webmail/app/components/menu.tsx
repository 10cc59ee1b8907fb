import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icon.tsx';

export interface MenuItem {
  readonly label: string;
  readonly icon?: IconName;
  /** Items that are on or off show it. */
  readonly checked?: boolean;
  readonly danger?: boolean;
  /** A line above it. */
  readonly separated?: boolean;
  /** A link instead of an action; `download` is the file's name. */
  readonly href?: string;
  readonly download?: string;
  run?(): void;
}

/** A button that opens a list of actions: arrows move in it, Escape and a click beside it close it. */
export function Menu(props: {
  readonly label: string;
  readonly button: ComponentChildren;
  readonly items: readonly MenuItem[];
  readonly class?: string;
  readonly align?: 'start' | 'end';
}) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const entries = (): HTMLElement[] => [...(box.current?.querySelectorAll<HTMLElement>('[role^=menuitem]') ?? [])];
  const close = (): void => {
    setOpen(false);
    box.current?.querySelector('button')?.focus();
  };
  // Before the menu is seen: a key that comes at once finds the focus in it.
  useLayoutEffect(() => {
    if (!open) return;
    entries()[0]?.focus();
    const outside = (event: Event): void => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    window.addEventListener('blur', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      window.removeEventListener('blur', outside);
    };
  }, [open]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!open) return;
    const list = entries();
    const at = list.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: (at > 0 ? at : list.length) - 1, Home: 0, End: list.length - 1 }[
      event.key
    ];
    if (to !== undefined) list[to % list.length]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else if (event.key !== 'Enter' && event.key !== ' ') return;
    if (to !== undefined || event.key === 'Escape') event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={box} class={`menu ${props.class ?? ''}`} onKeyDown={onKeyDown}>
      <button
        type="button"
        class="menu-button icon-button"
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={props.label}
        title={props.label}
        onClick={() => setOpen(!open)}
      >
        {props.button}
      </button>
      {open && (
        <div role="menu" aria-label={props.label} class={`menu-list menu-${props.align ?? 'end'}`}>
          {props.items.map((item) => (
            <MenuEntry key={item.label} item={item} close={close} />
          ))}
        </div>
      )}
    </div>
  );
}

function MenuEntry({ item, close }: { readonly item: MenuItem; readonly close: () => void }) {
  const { label, icon, checked, href } = item;
  const shared = {
    tabIndex: -1,
    class: `menu-item${item.danger === true ? ' menu-danger' : ''}${item.separated === true ? ' menu-separated' : ''}`,
    onClick: () => {
      close();
      item.run?.();
    },
  };
  const inner = (
    <>
      <span class="menu-mark">
        {checked === true ? <Icon name="check" size={16} /> : icon !== undefined && <Icon name={icon} size={16} />}
      </span>
      {label}
    </>
  );
  if (href !== undefined) {
    return (
      <a role="menuitem" href={href} download={item.download} {...shared}>
        {inner}
      </a>
    );
  }
  return checked === undefined ? (
    <button type="button" role="menuitem" {...shared}>
      {inner}
    </button>
  ) : (
    <button type="button" role="menuitemcheckbox" aria-checked={checked} {...shared}>
      {inner}
    </button>
  );
}
