import { ask } from '../api.ts';
import { Field, Form } from '../components/form.tsx';
import { LanguageChoice } from '../components/language-choice.tsx';
import { t } from '../i18n.ts';
import { loadSession } from '../state.ts';

export function SignInView() {
  return (
    <main class="sign-in">
      <h1>Postern</h1>
      <Form
        label={t('Sign in')}
        submit={async ({ address, password, code }) => {
          await ask('POST', '/api/session', { address, password, code });
          await loadSession();
        }}
      >
        <Field label={t('Address')} name="address" type="email" autocomplete="username" required />
        <Field label={t('Password')} name="password" type="password" autocomplete="current-password" required />
        <Field label={t('Code, if you use one')} name="code" autocomplete="one-time-code" inputMode="numeric" />
      </Form>
      <LanguageChoice />
    </main>
  );
}
