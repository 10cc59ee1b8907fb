import { useState } from 'preact/hooks';
import { type Alias, ask, path, type References } from '../api.ts';
import { Dialog } from '../components/dialog.tsx';
import { Check, Field, Form, words } from '../components/form.tsx';
import { List } from '../components/list.tsx';
import { Badge, Loading, StateBadge, useLoaded } from '../components/loaded.tsx';
import { t } from '../i18n.ts';
import { session, tell } from '../state.ts';
import { Names } from './account.tsx';

export function AliasesView() {
  const [editing, setEditing] = useState<Alias | 'new'>();
  const [turn, setTurn] = useState(0);
  const finish = (): void => {
    setEditing(undefined);
    setTurn(turn + 1);
    tell(t('Saved'));
  };
  return (
    <>
      <List<Alias>
        resource="aliases"
        title={t('Aliases')}
        turn={turn}
        columns={[t('Address'), t('Targets'), t('State')]}
        keyOf={({ address }) => address}
        actions={
          <button type="button" class="primary" onClick={() => setEditing('new')}>
            {t('New alias')}
          </button>
        }
        row={(alias) => (
          <>
            <td data-label={t('Address')}>
              <button type="button" class="link" onClick={() => setEditing(alias)}>
                {alias.address}
              </button>{' '}
              {alias.catchAll && <Badge kind="plain">{t('catch-all')}</Badge>}
            </td>
            <td data-label={t('Targets')}>{alias.targets.join(', ')}</td>
            <td data-label={t('State')}>
              <StateBadge active={alias.active} />
            </td>
          </>
        )}
      />
      {editing === 'new' && (
        <Dialog title={t('New alias')} onClose={() => setEditing(undefined)}>
          <Form
            label={t('Create')}
            submit={async ({ address, targets, description }) => {
              await ask('POST', '/api/aliases', { address, targets: words(targets), description });
              finish();
            }}
          >
            <Field
              label={t('Address')}
              name="address"
              value={firstAddress()}
              hint={t('Without a name before @ it is the catch-all: it gets what nobody else has.')}
              required
            />
            <TargetsField />
            <Field label={t('Description')} name="description" />
          </Form>
        </Dialog>
      )}
      {editing !== undefined && editing !== 'new' && (
        <AliasDialog alias={editing} onClose={() => setEditing(undefined)} onDone={finish} />
      )}
    </>
  );
}

function AliasDialog({ alias, onClose, onDone }: { alias: Alias; onClose: () => void; onDone: () => void }) {
  const url = path('aliases', alias.address);
  const [removing, setRemoving] = useState(false);
  const { value, why } = useLoaded<Alias & { references: References }>(url);
  return (
    <Dialog title={alias.address} onClose={onClose}>
      {alias.catchAll && <p class="hint">{t('This is the catch-all: it gets what nobody else of the domain has.')}</p>}
      {removing ? (
        <Form
          label={t('Delete')}
          danger
          onCancel={() => setRemoving(false)}
          submit={async () => {
            await ask('DELETE', url);
            onDone();
          }}
        >
          <h3>{t('What else does this break?')}</h3>
          {value === undefined ? <Loading why={why} /> : <Names references={value.references} />}
        </Form>
      ) : (
        <>
          <Form
            label={t('Save')}
            submit={async ({ targets, description, active }) => {
              await ask('PATCH', url, { targets: words(targets), description, active: active === 'true' });
              onDone();
            }}
          >
            <TargetsField value={alias.targets.join('\n')} />
            <Field label={t('Description')} name="description" value={alias.description} />
            <Check label={t('active')} name="active" checked={alias.active} />
          </Form>
          <button type="button" class="danger" onClick={() => setRemoving(true)}>
            {t('Delete')}
          </button>
        </>
      )}
    </Dialog>
  );
}

function TargetsField(props: { value?: string }) {
  return (
    <Field
      label={t('Targets')}
      name="targets"
      rows={4}
      value={props.value}
      hint={t('One a line; addresses outside are allowed.')}
      required
    />
  );
}

const firstAddress = (): string => {
  const [domain] = session.value?.domains ?? [];
  return domain === undefined ? '' : `@${domain}`;
};
