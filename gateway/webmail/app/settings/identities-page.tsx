import { useEffect, useState } from 'preact/hooks';
import { confirmFirst, Dialog } from '../components/dialog.tsx';
import { t } from '../i18n/i18n.ts';
import { failed } from '../state/failed.ts';
import { type Identity, identities, loadIdentities, setIdentity } from '../state/identities.ts';
import { showToast } from '../state/toasts.ts';
import { FormEnd, onForm, Section } from './parts.tsx';

/** Names and addresses that the user writes as, and how each signs. */
export function IdentitiesPage() {
  const [edited, setEdited] = useState<Identity | 'new' | undefined>(undefined);
  useEffect(() => void loadIdentities().catch(failed), []);
  const remove = async (identity: Identity): Promise<void> => {
    if (!(await confirmFirst(t('settings.removeIdentity', { address: identity.email }), t('settings.remove')))) return;
    await setIdentity({ destroy: identity.id });
  };
  return (
    <Section title={t('settings.identities')} hint={t('settings.identitiesHint')}>
      <ul class="plain-list">
        {identities.value.map((each) => (
          <li key={each.id} class="settings-row">
            <span>
              <strong>{each.name || each.email}</strong>
              <span class="quiet">{each.email}</span>
            </span>
            <button
              type="button"
              class="button"
              aria-label={t('settings.editOf', { name: each.email })}
              onClick={() => setEdited(each)}
            >
              {t('action.editDraft')}
            </button>
            {each.mayDelete && (
              <button type="button" class="button" onClick={() => void remove(each).catch(failed)}>
                {t('settings.remove')}
              </button>
            )}
          </li>
        ))}
      </ul>
      <button type="button" class="button" onClick={() => setEdited('new')}>
        {t('settings.addIdentity')}
      </button>
      {edited !== undefined && (
        <IdentityDialog identity={edited === 'new' ? undefined : edited} onClose={() => setEdited(undefined)} />
      )}
    </Section>
  );
}

function IdentityDialog({
  identity,
  onClose,
}: {
  readonly identity: Identity | undefined;
  readonly onClose: () => void;
}) {
  const [problem, setProblem] = useState('');
  const save = async (field: (name: string) => string): Promise<void> => {
    const fields = { name: field('name').trim(), textSignature: field('signature').trimEnd(), htmlSignature: '' };
    try {
      await setIdentity(
        identity === undefined
          ? { create: { ...fields, email: field('email').trim() } }
          : { id: identity.id, update: fields },
      );
      showToast({ kind: 'done', text: t('settings.saved') });
      onClose();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <Dialog title={identity?.email ?? t('settings.addIdentity')} onClose={onClose}>
      <form class="settings-form" onSubmit={onForm((field) => void save(field))}>
        <label class="field">
          {t('settings.name')}
          <input name="name" defaultValue={identity?.name ?? ''} autocomplete="name" />
        </label>
        {identity === undefined && (
          <label class="field">
            {t('settings.address')}
            <input name="email" type="email" required />
          </label>
        )}
        <label class="field">
          {t('settings.signature')}
          <textarea name="signature" rows={5} defaultValue={identity?.textSignature ?? ''} />
        </label>
        <FormEnd problem={problem} />
      </form>
    </Dialog>
  );
}
