import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import { silenceShortcuts } from '../state/shortcuts.ts';
import { IconButton } from './button.tsx';

/** A modal dialog: the rest of the page waits, Escape and a click beside it close it, focus returns to where it was. */
export function Dialog(props: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly class?: string;
}) {
  const { title, onClose } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  // Before it is seen: keys that come at once are for it.
  useLayoutEffect(() => {
    const before = document.activeElement;
    const speak = silenceShortcuts();
    dialog.current?.showModal();
    // What the dialog is about, rather than the button that closes it.
    dialog.current?.querySelector<HTMLElement>('.dialog-body :is(input, textarea, select, button)')?.focus();
    return () => {
      speak();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${props.class ?? ''}`}
      aria-label={title}
      onClose={onClose}
      onMouseDown={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <div class="dialog-head">
        <h2>{title}</h2>
        <IconButton icon="close" label={t('app.close')} onClick={() => dialog.current?.close()} />
      </div>
      <div class="dialog-body">{props.children}</div>
    </dialog>
  );
}

interface Question {
  readonly text: string;
  readonly confirm: string;
  answer(yes: boolean): void;
}
const question = signal<Question | undefined>(undefined);

/** Asks before something that cannot be undone. */
export function confirmFirst(text: string, confirm: string): Promise<boolean> {
  return new Promise((resolve) => {
    question.value = {
      text,
      confirm,
      answer(yes) {
        question.value = undefined;
        resolve(yes);
      },
    };
  });
}

/** Shows the question of {@link confirmFirst}; once in the page. */
export function ConfirmDialog() {
  const asked = question.value;
  if (asked === undefined) return null;
  return (
    <Dialog title={asked.confirm} onClose={() => question.value?.answer(false)} class="dialog-small">
      <p>{asked.text}</p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={() => asked.answer(false)}>
          {t('app.cancel')}
        </button>
        <button type="button" class="button button-danger" onClick={() => asked.answer(true)}>
          {asked.confirm}
        </button>
      </div>
    </Dialog>
  );
}
