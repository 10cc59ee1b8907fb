import { t } from '../i18n/i18n.ts';
import { loadAccount, signInState } from '../state/account.ts';
import { composing } from '../state/compose.ts';
import { route } from '../state/route.ts';
import { EmptyState, Spinner } from './button.tsx';
import { ConfirmDialog } from './dialog.tsx';
import { lazy } from './lazy.tsx';
import { MailPage } from './mail-page.tsx';
import { SignInPage } from './sign-in-page.tsx';
import { Toasts } from './toasts.tsx';

const Composer = lazy(async () => (await import('../compose/composer.tsx')).Composer);
const SettingsPage = lazy(async () => (await import('../settings/settings-page.tsx')).SettingsPage);

export function App() {
  return (
    <>
      <Page />
      <ConfirmDialog />
      <Toasts />
    </>
  );
}

function Page() {
  switch (signInState.value) {
    case 'unknown':
      return <Spinner label={t('app.loading')} />;
    case 'signed-out':
      return <SignInPage />;
    case 'unreachable':
      return (
        <main class="sign-in">
          <EmptyState icon="mail" title={t('app.unreachable')}>
            <button type="button" class="button" onClick={() => void loadAccount()}>
              {t('app.retry')}
            </button>
          </EmptyState>
        </main>
      );
    case 'signed-in':
      return (
        <>
          {route.value.view === 'settings' ? <SettingsPage page={route.value.page} /> : <MailPage />}
          {composing.value.map((each) => (
            <Composer key={each.id} composing={each} />
          ))}
        </>
      );
  }
}
