import { useState } from 'preact/hooks';
import { ask, type Domain } from '../api.ts';
import { Dialog } from '../components/dialog.tsx';
import { Field, Form } from '../components/form.tsx';
import { List } from '../components/list.tsx';
import { StateBadge } from '../components/loaded.tsx';
import { t } from '../i18n.ts';
import { go, hrefOf, session } from '../state.ts';

export function DomainsView() {
  const [creating, setCreating] = useState(false);
  return (
    <>
      <List<Domain>
        resource="domains"
        title={t('Domains')}
        columns={[t('Domain'), t('Description'), t('State')]}
        keyOf={({ name }) => name}
        actions={
          session.value?.administrator === true && (
            <button type="button" class="primary" onClick={() => setCreating(true)}>
              {t('New domain')}
            </button>
          )
        }
        row={({ name, description, active, deleted }) => (
          <>
            <td data-label={t('Domain')}>
              <a href={hrefOf('domains', name)}>{name}</a>
            </td>
            <td data-label={t('Description')}>{description}</td>
            <td data-label={t('State')}>
              <StateBadge active={active} deleted={deleted} />
            </td>
          </>
        )}
      />
      {creating && (
        <Dialog title={t('New domain')} onClose={() => setCreating(false)}>
          <Form
            label={t('Create')}
            submit={async ({ name, postmaster, description }) => {
              const domain = await ask<Domain>('POST', '/api/domains', { name, postmaster, description });
              go('domains', domain.name);
            }}
          >
            <Field label={t('Domain')} name="name" required />
            <Field
              label={t('Postmaster')}
              name="postmaster"
              type="email"
              hint={t(
                'Gets the mail of postmaster@ and abuse@, and administers the domain. May be an account that you make next.',
              )}
              required
            />
            <Field label={t('Description')} name="description" />
          </Form>
        </Dialog>
      )}
    </>
  );
}
