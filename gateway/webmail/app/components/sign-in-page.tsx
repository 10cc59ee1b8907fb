import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import { RequestFailed } from '../jmap/http.ts';
import { signIn } from '../state/account.ts';

/** Address and password, then the code of a second factor for whom has one. The host says of all three only whether they are right together. */
export function SignInPage() {
  const [asksCode, setAsksCode] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const first = useRef<HTMLInputElement>(null);
  const code = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  useEffect(() => code.current?.focus(), [asksCode]);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const field = (name: string): string => String(form.get(name) ?? '');
    setBusy(true);
    setProblem('');
    try {
      await signIn(field('user').trim(), field('password'), field('code').replaceAll(' ', ''));
    } catch (error) {
      setBusy(false);
      setProblem(sentenceOf(error));
      // Perhaps it was the code that was missing.
      if (error instanceof RequestFailed && error.status === 401 && !asksCode) setAsksCode(true);
    }
  };
  return (
    <main class="sign-in">
      <form class="sign-in-card" onSubmit={(event) => void submit(event as unknown as SubmitEvent)}>
        <img src="/icon.svg" alt="" width="52" height="52" />
        <h1>{t('signIn.title')}</h1>
        <p class="quiet">{t('signIn.lead')}</p>
        <label class="field">
          {t('signIn.address')}
          <input
            name="user"
            type="text"
            inputMode="email"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            ref={first}
          />
        </label>
        <label class="field">
          {t('signIn.password')}
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        {asksCode ? (
          <label class="field">
            {t('signIn.code')}
            <input
              ref={code}
              name="code"
              inputMode="numeric"
              autocomplete="one-time-code"
              aria-describedby="code-hint"
            />
            <span id="code-hint" class="field-hint">
              {t('signIn.codeHint')}
            </span>
          </label>
        ) : (
          <button type="button" class="link-button" onClick={() => setAsksCode(true)}>
            {t('signIn.haveCode')}
          </button>
        )}
        <p class="problem" role="alert">
          {problem}
        </p>
        <button type="submit" class="button button-primary button-wide" disabled={busy}>
          {t('signIn.submit')}
        </button>
      </form>
    </main>
  );
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof RequestFailed)) return t('app.failed', { why: String(error) });
  if (error.status === 401 || error.status === 400) return t('signIn.wrong');
  if (error.status === 429) return t('signIn.wait', { seconds: error.retryAfterS ?? 60 });
  return t('signIn.away');
}
