import { useState } from 'preact/hooks';
import { Dialog } from '../components/dialog.tsx';
import { t } from '../i18n/i18n.ts';

/** Asks where a link goes; empty takes it away. */
export function LinkDialog(props: { readonly onClose: () => void; readonly onLink: (address: string) => void }) {
  const [address, setAddress] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    event.stopPropagation();
    const typed = address.trim();
    if (typed === '' || /^(?:https?|mailto|tel):/i.test(typed)) props.onLink(typed);
    else props.onLink(/^[^\s/@]+@[^\s/@]+$/.test(typed) ? `mailto:${typed}` : `https://${typed}`);
  };
  return (
    <Dialog title={t('compose.link')} onClose={props.onClose} class="dialog-small">
      <form class="dialog-form" onSubmit={submit}>
        <label class="field">
          {t('compose.linkAddress')}
          <input
            type="text"
            inputMode="url"
            value={address}
            onInput={(event) => setAddress(event.currentTarget.value)}
          />
        </label>
        <div class="dialog-actions">
          <button type="submit" class="button button-primary">
            {address.trim() === '' ? t('compose.unlink') : t('compose.setLink')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
