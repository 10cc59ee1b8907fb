import { useState } from 'preact/hooks';
import { type Account, ask, path, type References } from '../api.ts';
import { Dialog } from '../components/dialog.tsx';
import { Check, Field, Form, readOctets, words } from '../components/form.tsx';
import { Loading, StateBadge, Told, useLoaded } from '../components/loaded.tsx';
import { octets, t, time } from '../i18n.ts';
import { go, hrefOf, sentenceOf, session, tell } from '../state.ts';
import { DeletedMail } from './deleted-mail.tsx';

const SERVICES = ['imap', 'pop3', 'sieve', 'webmail', 'submission', 'relay', 'console'];

export function AccountView(props: { address: string }) {
  const url = path('accounts', props.address);
  const { value: account, why, reload } = useLoaded<Account>(url);
  const [dialog, setDialog] = useState<'delete' | 'purge' | 'password'>();
  const [password, setPassword] = useState<string>();
  if (account === undefined) return <Loading why={why} />;
  const change = async (body: object): Promise<void> => {
    await ask('PATCH', url, body);
    tell(t('Saved'));
    reload();
  };
  const act = (method: string, where: string, body?: object) => async (): Promise<void> => {
    try {
      await ask(method, `${url}${where}`, body);
      reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
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
        <div class="actions">
          {account.deleted ? (
            <>
              <button type="button" class="primary" onClick={act('POST', '/restore')}>
                {t('Undo deletion')}
              </button>
              <button type="button" class="danger" onClick={() => setDialog('purge')}>
                {t('Purge for good')}
              </button>
            </>
          ) : (
            <>
              <button
                type="button"
                onClick={() => change({ active: !account.active }).catch((error) => tell(sentenceOf(error), true))}
              >
                {account.active ? t('Suspend') : t('Restore')}
              </button>
              <button type="button" onClick={() => setDialog('password')}>
                {t('Password')}
              </button>
              <button type="button" class="danger" onClick={() => setDialog('delete')}>
                {t('Delete')}
              </button>
            </>
          )}
        </div>
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
          <p>
            {t('{messages} messages, {bytes}', {
              messages: account.usage?.messages ?? 0,
              bytes: octets(account.usage?.bytes ?? 0),
            })}
          </p>
          <h2>{t('Leads here')}</h2>
          <Names references={account.references} />
          <h2>{t('Second factor')}</h2>
          <p>{account.secondFactor ? t('on') : t('off')}</p>
          <DeletedMail address={account.address} />
        </div>
      </div>
      {dialog === 'password' && (
        <Dialog
          title={t('Set or generate a password')}
          onClose={() => {
            setDialog(undefined);
            setPassword(undefined);
          }}
        >
          {password === undefined ? (
            <Form
              label={t('Save')}
              submit={async ({ password: given }) => {
                const answer = await ask<{ password?: string }>(
                  'POST',
                  `${url}/password`,
                  given === '' ? {} : { password: given },
                );
                if (answer.password === undefined) {
                  tell(t('Saved'));
                  setDialog(undefined);
                } else setPassword(answer.password);
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
            <Told label={t('Password')} secret={password} />
          )}
        </Dialog>
      )}
      {dialog === 'delete' && (
        <Dialog title={t('Delete {name}?', { name: account.address })} onClose={() => setDialog(undefined)}>
          <p>{t('Mail and sign-in are refused at once. It can be undone until it is purged.')}</p>
          <h3>{t('What else does this break?')}</h3>
          <Names references={account.references} />
          <Form
            label={t('Delete')}
            danger
            submit={async () => {
              await ask('DELETE', url);
              setDialog(undefined);
              reload();
            }}
          >
            {null}
          </Form>
        </Dialog>
      )}
      {dialog === 'purge' && (
        <Dialog title={t('Purge {name}?', { name: account.address })} onClose={() => setDialog(undefined)}>
          <p>
            {t('{messages} messages, {bytes}', {
              messages: account.usage?.messages ?? 0,
              bytes: octets(account.usage?.bytes ?? 0),
            })}
            . {t('They are removed for good. Nobody can bring them back.')}
          </p>
          <Form
            label={t('Purge for good')}
            danger
            submit={async ({ confirmed, evenWithinGrace }) => {
              if (confirmed !== account.address) throw new Error();
              const { messages, bytes } = await ask<{ messages: number; bytes: number }>('POST', `${url}/purge`, {
                evenWithinGrace: evenWithinGrace === 'true',
              });
              tell(t('Removed: {messages} messages, {bytes}', { messages, bytes: octets(bytes) }));
              go('accounts');
            }}
          >
            <Field label={t('Write the address to confirm')} name="confirmed" required />
            <Check label={t('Even though it could still be undone')} name="evenWithinGrace" checked={false} />
          </Form>
        </Dialog>
      )}
    </section>
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
