import { type Account, type AppPassword, ask } from '../api.ts';
import { Check, Field, Form, words } from '../components/form.tsx';
import { Loading, useLoaded } from '../components/loaded.tsx';
import { octets, t } from '../i18n.ts';
import { session, tell } from '../state.ts';
import { AppPasswords } from './self/app-passwords.tsx';
import { Proof } from './self/proof.tsx';
import { SecondFactor } from './self/second-factor.tsx';
import { Vacation } from './self/vacation.tsx';

type Self = Account & { readonly appPasswords: readonly AppPassword[] };

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
          {t('Messages: {messages}, {bytes}', {
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
        <Vacation />
        <SecondFactor on={self.secondFactor} onDone={saved} />
        <AppPasswords list={self.appPasswords} withCode={self.secondFactor} reload={reload} />
      </div>
    </section>
  );
}
