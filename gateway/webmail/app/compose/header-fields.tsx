import { useState } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import { identities } from '../state/identities.ts';
import { showAddress } from './addresses.ts';
import type { Draft } from './draft.ts';
import { RecipientField } from './recipient-field.tsx';

/** From (where there is a choice), recipients, subject. */
export function HeaderFields({ draft, autoFocus }: { readonly draft: Draft; readonly autoFocus: boolean }) {
  const [wide, setWide] = useState(draft.cc.peek().length + draft.bcc.peek().length > 0);
  return (
    <div class="compose-fields">
      {identities.value.length > 1 && (
        <label class="compose-line">
          <span class="recipients-label">{t('message.from')}</span>
          <select
            class="compose-from"
            value={draft.identityId.value}
            onChange={(event) => {
              draft.identityId.value = event.currentTarget.value;
            }}
          >
            {identities.value.map((each) => (
              <option key={each.id} value={each.id}>
                {showAddress({ name: each.name || null, email: each.email })}
              </option>
            ))}
          </select>
        </label>
      )}
      <div class="compose-to">
        <RecipientField label={t('message.toField')} value={draft.to} autoFocus={autoFocus} />
        {!wide && (
          <button type="button" class="link-button" onClick={() => setWide(true)}>
            {t('compose.ccBcc')}
          </button>
        )}
      </div>
      {wide && <RecipientField label={t('message.cc')} value={draft.cc} />}
      {wide && <RecipientField label={t('message.bcc')} value={draft.bcc} />}
      <label class="compose-line">
        <span class="recipients-label">{t('compose.subject')}</span>
        <input
          class="compose-subject"
          type="text"
          value={draft.subject.value}
          onInput={(event) => {
            draft.subject.value = event.currentTarget.value;
          }}
        />
      </label>
    </div>
  );
}
