import { useState } from 'preact/hooks';
import { type Account, ask, path } from '../api.ts';
import { Dialog } from '../components/dialog.tsx';
import { Choice, Field, Form, readOctets } from '../components/form.tsx';
import { List } from '../components/list.tsx';
import { StateBadge, Told } from '../components/loaded.tsx';
import { language, octets, t } from '../i18n.ts';
import { go, hrefOf, sentenceOf, session, tell } from '../state.ts';

export function AccountsView() {
  const [creating, setCreating] = useState(false);
  const [made, setMade] = useState<{ address: string; password: string }>();
  const [turn, setTurn] = useState(0);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string): void => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    setChosen(next);
  };
  const setAll = async (active: boolean): Promise<void> => {
    const refused: string[] = [];
    for (const address of chosen) {
      try {
        await ask('PATCH', path('accounts', address), { active });
      } catch (error) {
        refused.push(`${address}: ${sentenceOf(error)}`);
      }
    }
    tell(refused.length === 0 ? t('Saved') : refused.join('; '), refused.length > 0);
    setChosen(new Set());
    setTurn(turn + 1);
  };
  return (
    <>
      <List<Account>
        resource="accounts"
        title={t('Accounts')}
        turn={turn}
        columns={[t('Address'), t('Name'), t('Quota'), t('State')]}
        keyOf={({ address }) => address}
        actions={
          <button type="button" class="primary" onClick={() => setCreating(true)}>
            {t('New account')}
          </button>
        }
        selection={{
          chosen,
          toggle,
          actions: (
            <>
              <button type="button" onClick={() => setAll(false)}>
                {t('Suspend selected')}
              </button>
              <button type="button" onClick={() => setAll(true)}>
                {t('Restore selected')}
              </button>
            </>
          ),
        }}
        row={({ address, name, quotaBytes, active, deleted }) => (
          <>
            <td data-label={t('Address')}>
              <a href={hrefOf('accounts', address)}>{address}</a>
            </td>
            <td data-label={t('Name')}>{name}</td>
            <td data-label={t('Quota')}>{quotaBytes > 0 ? octets(quotaBytes) : t('no limit')}</td>
            <td data-label={t('State')}>
              <StateBadge active={active} deleted={deleted} />
            </td>
          </>
        )}
      />
      {creating && (
        <Dialog title={t('New account')} onClose={() => setCreating(false)}>
          <Form
            label={t('Create')}
            submit={async ({ address = '', name, password, quota = '', welcome }) => {
              const answer = await ask<{ password?: string }>('POST', '/api/accounts', {
                address,
                name,
                ...(password === '' ? {} : { password }),
                quotaBytes: readOctets(quota),
                ...(welcome === '' ? {} : { welcome }),
              });
              setCreating(false);
              setTurn(turn + 1);
              if (answer.password === undefined) go('accounts', address.toLowerCase());
              else setMade({ address, password: answer.password });
            }}
          >
            <Field label={t('Address')} name="address" type="email" value={firstAddress()} required />
            <Field label={t('Name')} name="name" />
            <Field
              label={t('Password')}
              name="password"
              type="password"
              autocomplete="new-password"
              hint={t('Left empty, one is generated and shown once.')}
            />
            <Field label={t('Quota')} name="quota" hint={t('For example 2 GB. Left empty, there is no limit.')} />
            <Choice
              label={t('Message of welcome')}
              name="welcome"
              value={language.value}
              options={[
                ['', t('none')],
                ['en', 'English'],
                ['de', 'Deutsch'],
                ['fr', 'Français'],
              ]}
            />
          </Form>
        </Dialog>
      )}
      {made !== undefined && (
        <Dialog title={made.address} onClose={() => setMade(undefined)}>
          <p>{t('The account is ready. This password is shown once:')}</p>
          <Told label={t('Password')} secret={made.password} />
        </Dialog>
      )}
    </>
  );
}

const firstAddress = (): string => {
  const [domain] = session.value?.domains ?? [];
  return domain === undefined ? '' : `@${domain}`;
};
