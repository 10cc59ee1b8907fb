import { useState } from 'preact/hooks';
import { type Account, type AppPassword, ask, path } from '../api.ts';
import { Check, Field, Form, words } from '../components/form.tsx';
import { Loading, Told, useLoaded } from '../components/loaded.tsx';
import { octets, t, time } from '../i18n.ts';
import { sentenceOf, session, tell } from '../state.ts';

type Self = Account & { readonly appPasswords: readonly AppPassword[] };
const APP_SERVICES = ['imap', 'pop3', 'sieve', 'submission'];

export function SelfView() {
  const { value: self, why, reload } = useLoaded<Self>('/api/self');
  if (self === undefined) return <Loading why={why} />;
  const saved = (): void => {
    tell(t('Saved'));
    reload();
  };
  return (
    <section aria-labelledby="self-title">
      <header class="page-head">
        <h1 id="self-title">{t('My account')}</h1>
        <p class="muted">
          {self.address} ·{' '}
          {t('{messages} messages, {bytes}', {
            messages: self.usage?.messages ?? 0,
            bytes: octets(self.usage?.bytes ?? 0),
          })}
        </p>
      </header>
      <div class="cards">
        <div class="card">
          <h2>{t('Your name')}</h2>
          <Form label={t('Save')} submit={({ name }) => ask('PATCH', '/api/self', { name }).then(saved)}>
            <Field label={t('Name')} name="name" value={self.name} autocomplete="name" />
          </Form>
        </div>
        <div class="card">
          <h2>{t('Change password')}</h2>
          <Form
            label={t('Change password')}
            submit={async ({ password, code, newPassword }) => {
              await ask('PUT', '/api/self/password', { password, code, newPassword });
              tell(t('The password is changed: sign in with it.'));
              session.value = null;
            }}
          >
            <Proof on={self.secondFactor} label={t('Old password')} />
            <Field label={t('New password')} name="newPassword" type="password" autocomplete="new-password" required />
          </Form>
        </div>
        <div class="card">
          <h2>{t('Forwards')}</h2>
          <Form
            label={t('Save')}
            submit={({ password, code, forwards, forwardOnly }) =>
              ask('PUT', '/api/self/forwards', {
                password,
                code,
                forwards: words(forwards),
                forwardOnly: forwardOnly === 'true',
              }).then(saved)
            }
          >
            <Field
              label={t('Forwards')}
              name="forwards"
              rows={2}
              value={self.forwards.join('\n')}
              hint={t('One address a line.')}
            />
            <Check label={t('Keep no copy here')} name="forwardOnly" checked={self.forwardOnly} />
            <Proof on={self.secondFactor} />
          </Form>
        </div>
        <SecondFactor self={self} onDone={saved} />
        <AppPasswords self={self} reload={reload} />
      </div>
    </section>
  );
}

/** Asked for anew with each change of how one signs in, or where mail goes. */
function Proof(props: { on: boolean; label?: string }) {
  return (
    <>
      <Field
        label={props.label ?? t('Password')}
        name="password"
        type="password"
        autocomplete="current-password"
        required
      />
      {props.on && <Field label={t('Code')} name="code" inputMode="numeric" autocomplete="one-time-code" required />}
    </>
  );
}

function SecondFactor({ self, onDone }: { self: Self; onDone: () => void }) {
  const [secret, setSecret] = useState<{ secret: string; uri: string }>();
  return (
    <div class="card">
      <h2>
        {t('Second factor')}: {self.secondFactor ? t('on') : t('off')}
      </h2>
      <p class="muted">
        {t(
          'With it your password opens webmail and this console alone, together with a code. Mail programs use app passwords.',
        )}
      </p>
      {self.secondFactor ? (
        <Form
          label={t('Turn off')}
          danger
          submit={({ password, code }) => ask('POST', '/api/self/second-factor/off', { password, code }).then(onDone)}
        >
          <Proof on />
        </Form>
      ) : secret === undefined ? (
        <button
          type="button"
          onClick={async () => {
            try {
              setSecret(await ask('POST', '/api/self/second-factor/secret', {}));
            } catch (error) {
              tell(sentenceOf(error), true);
            }
          }}
        >
          {t('Set up')}
        </button>
      ) : (
        <>
          <Told label={t('Enter this into your authenticator:')} secret={secret.secret} />
          <p>
            <a href={secret.uri}>{t('Open it in an authenticator on this device')}</a>
          </p>
          <Form
            label={t('Turn on')}
            submit={async ({ password, newCode }) => {
              await ask('PUT', '/api/self/second-factor', { password, secret: secret.secret, newCode });
              setSecret(undefined);
              onDone();
            }}
          >
            <Field
              label={t('Code that it shows')}
              name="newCode"
              inputMode="numeric"
              autocomplete="one-time-code"
              required
            />
            <Proof on={false} />
          </Form>
        </>
      )}
    </div>
  );
}

function AppPasswords({ self, reload }: { self: Self; reload: () => void }) {
  const [made, setMade] = useState<string>();
  const remove = async (name: string): Promise<void> => {
    try {
      await ask('DELETE', path('self', 'app-passwords', name));
      reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
  return (
    <div class="card">
      <h2>{t('App passwords')}</h2>
      <ul class="names">
        {self.appPasswords.map(({ name, label, services, createdAtMs, lastUsedAtMs }) => (
          <li key={name}>
            <div>
              <strong>{label || name}</strong>
              <small>
                {services.join(', ')}; {time(createdAtMs)}
                {lastUsedAtMs !== undefined && `; ${t('last used {time}', { time: time(lastUsedAtMs) })}`}
              </small>
            </div>
            <button
              type="button"
              class="danger"
              aria-label={t('Delete {name}', { name: label || name })}
              onClick={() => remove(name)}
            >
              ✕
            </button>
          </li>
        ))}
      </ul>
      {made !== undefined && <Told label={t('Shown once:')} secret={made} />}
      <Form
        label={t('Create')}
        submit={async (values) => {
          const services = APP_SERVICES.filter((name) => values[`service-${name}`] === 'true');
          const body = { password: values.password, code: values.code ?? '', label: values.label, services };
          setMade((await ask<{ password: string }>('POST', '/api/self/app-passwords', body)).password);
          reload();
        }}
      >
        <Field label={t('For which device or program')} name="label" required />
        <fieldset>
          <legend>{t('Services')}</legend>
          {APP_SERVICES.map((name) => (
            <Check key={name} label={name} name={`service-${name}`} checked={name !== 'pop3'} />
          ))}
        </fieldset>
        <Proof on={self.secondFactor} />
      </Form>
    </div>
  );
}
