import { useState } from 'preact/hooks';
import { type Account, ask, path, type References } from '../api.ts';
import { Dialog } from '../components/dialog.tsx';
import { Check, Field, Form, readOctets, words } from '../components/form.tsx';
import { Lifecycle } from '../components/lifecycle.tsx';
import { Loading, StateBadge, Told, useLoaded } from '../components/loaded.tsx';
import { octets, t, time } from '../i18n.ts';
import { go, hrefOf, session, tell } from '../state.ts';
import { DeletedMail } from './deleted-mail.tsx';

const SERVICES = ['imap', 'pop3', 'sieve', 'webmail', 'submission', 'relay', 'console'];

export function AccountView(props: { address: string }) {
  const url = path('accounts', props.address);
  const { value: account, why, reload } = useLoaded<Account>(url);
  const [settingPassword, setSettingPassword] = useState(false);
  if (account === undefined) return <Loading why={why} />;
  const change = async (body: object): Promise<void> => {
    await ask('PATCH', url, body);
    tell(t('Saved'));
    reload();
  };
  const held = t('Messages: {messages}, {bytes}', {
    messages: account.usage?.messages ?? 0,
    bytes: octets(account.usage?.bytes ?? 0),
  });
  const known = account.services ?? session.value?.services ?? [];
  return (
    <section aria-labelledby="account-title">
      <header class="page-head">
        <div>
          <a class="back" href={hrefOf('accounts')}>
            {t('Accounts')}
          </a>
          <h1 id="account-title">{account.address}</h1>
          <StateBadge active={account.active} deleted={account.deleted} />
        </div>
        <Lifecycle
          url={url}
          name={account.address}
          active={account.active}
          deleted={account.deleted}
          onDelete={
            <>
              <p>{t('Mail and sign-in are refused at once. It can be undone until it is purged.')}</p>
              <h3>{t('What else does this break?')}</h3>
              <Names references={account.references} />
            </>
          }
          onPurge={
            <p>
              {held}. {t('They are removed for good. Nobody can bring them back.')}
            </p>
          }
          confirmLabel={t('Write the address to confirm')}
          reload={reload}
          purged={() => go('accounts')}
        >
          <button type="button" onClick={() => setSettingPassword(true)}>
            {t('Password')}
          </button>
        </Lifecycle>
      </header>
      {account.deleted && account.purgeAfterMs !== undefined && (
        <p class="hint">
          {t('Mail is refused. This can be undone; it may be purged after {time}.', {
            time: time(account.purgeAfterMs),
          })}
        </p>
      )}
      <div class="cards">
        <div class="card">
          <h2>{t('Settings')}</h2>
          <Form
            key={JSON.stringify(account)}
            label={t('Save')}
            submit={(values) =>
              change({
                name: values.name,
                description: values.description,
                quotaBytes: readOctets(values.quota ?? ''),
                forwards: words(values.forwards),
                forwardOnly: values.forwardOnly === 'true',
                services:
                  values.defaults === 'true' ? null : SERVICES.filter((name) => values[`service-${name}`] === 'true'),
              })
            }
          >
            <Field label={t('Name')} name="name" value={account.name} />
            <Field label={t('Description')} name="description" value={account.description} />
            <Field
              label={t('Quota')}
              name="quota"
              value={account.quotaBytes > 0 ? octets(account.quotaBytes) : ''}
              hint={t('For example 2 GB. Left empty, there is no limit.')}
            />
            <Field
              label={t('Forwards')}
              name="forwards"
              rows={2}
              value={account.forwards.join('\n')}
              hint={t('One address a line.')}
            />
            <Check label={t('Keep no copy here')} name="forwardOnly" checked={account.forwardOnly} />
            <fieldset>
              <legend>{t('Services')}</legend>
              <Check label={t('As the site has them')} name="defaults" checked={account.services === undefined} />
              {SERVICES.map((name) => (
                <Check key={name} label={name} name={`service-${name}`} checked={known.includes(name)} />
              ))}
            </fieldset>
          </Form>
        </div>
        <div class="card">
          <h2>{t('Usage')}</h2>
          <p>{held}</p>
          <h2>{t('Leads here')}</h2>
          <Names references={account.references} />
          <h2>{t('Second factor')}</h2>
          <p>{account.secondFactor ? t('on') : t('off')}</p>
          <DeletedMail address={account.address} />
        </div>
      </div>
      {settingPassword && <PasswordDialog url={url} onClose={() => setSettingPassword(false)} />}
    </section>
  );
}

function PasswordDialog({ url, onClose }: { url: string; onClose: () => void }) {
  const [generated, setGenerated] = useState<string>();
  return (
    <Dialog title={t('Set or generate a password')} onClose={onClose}>
      {generated === undefined ? (
        <Form
          label={t('Save')}
          submit={async ({ password }) => {
            const body = password === '' ? {} : { password };
            const answer = await ask<{ password?: string }>('POST', `${url}/password`, body);
            if (answer.password !== undefined) return setGenerated(answer.password);
            tell(t('Saved'));
            onClose();
          }}
        >
          <Field
            label={t('New password')}
            name="password"
            type="password"
            autocomplete="new-password"
            hint={t('Left empty, one is generated and shown once.')}
          />
        </Form>
      ) : (
        <Told label={t('Password')} secret={generated} />
      )}
    </Dialog>
  );
}

/** Who names an address: what a change of it would break. */
export function Names(props: { references: References | undefined }) {
  const { aliases = [], forwards = [], postmasterOf = [] } = props.references ?? {};
  if (aliases.length + forwards.length + postmasterOf.length === 0)
    return <p class="muted">{t('Nobody else names it')}</p>;
  return (
    <ul class="names">
      {aliases.map(({ address, lastTarget }) => (
        <li key={address}>
          {address} {lastTarget && <small>{t('leads nowhere else')}</small>}
        </li>
      ))}
      {forwards.map((address) => (
        <li key={address}>
          {address} <small>{t('forwards here')}</small>
        </li>
      ))}
      {postmasterOf.map((domain) => (
        <li key={domain}>
          {domain} <small>{t('is administered by this account')}</small>
        </li>
      ))}
    </ul>
  );
}
