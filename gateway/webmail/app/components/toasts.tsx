import { t } from '../i18n/i18n.ts';
import { closeToast, holdToast, toasts } from '../state/toasts.ts';
import { IconButton } from './button.tsx';

/** What was done, said once, with its undoing. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, kind, action }) => (
        <div
          key={id}
          role="group"
          class={`toast toast-${kind}`}
          onMouseEnter={() => holdToast(id)}
          onMouseLeave={() => holdToast(id, 4_000)}
        >
          <span class="toast-text">{text}</span>
          {action !== undefined && (
            <button
              type="button"
              class="toast-action"
              onClick={() => {
                closeToast(id);
                action.run();
              }}
            >
              {action.label}
            </button>
          )}
          <IconButton icon="close" label={t('app.close')} onClick={() => closeToast(id)} />
        </div>
      ))}
    </div>
  );
}
