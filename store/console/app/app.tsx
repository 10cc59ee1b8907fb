import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { LanguageChoice } from './components/language-choice.tsx';
import { t } from './i18n.ts';
import { hrefOf, notice, session, signOut, view } from './state.ts';
import { AccountView } from './views/account.tsx';
import { AccountsView } from './views/accounts.tsx';
import { AliasesView } from './views/aliases.tsx';
import { DomainView } from './views/domain.tsx';
import { DomainsView } from './views/domains.tsx';
import { ExchangeView } from './views/exchange.tsx';
import { LogView } from './views/log.tsx';
import { OperationView } from './views/operation.tsx';
import { SelfView } from './views/self.tsx';
import { SignInView } from './views/sign-in.tsx';
import { TokensView } from './views/tokens.tsx';

export function App() {
  if (session.value === undefined) return <p class="muted centre">{t('Loading …')}</p>;
  return session.value === null ? <SignInView /> : <Shell />;
}

function Shell() {
  const open = useSignal(false);
  const [first = defaultView()] = view.value;
  useEffect(() => {
    open.value = false;
    document.getElementById('content')?.focus();
  }, [view.value, open]);
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        {t('Skip to content')}
      </button>
      <header class="top">
        <button
          type="button"
          class="quiet menu"
          aria-expanded={open.value}
          aria-controls="navigation"
          onClick={() => {
            open.value = !open.value;
          }}
        >
          ☰<span class="hidden">{t('Menu')}</span>
        </button>
        <strong class="brand">Postern</strong>
        <span class="who">{session.value?.address}</span>
        <LanguageChoice />
        <button type="button" class="quiet" onClick={signOut}>
          {t('Sign out')}
        </button>
      </header>
      <nav id="navigation" class={open.value ? 'open' : ''} aria-label={t('Menu')}>
        <ul>
          {entries().map(([name, text]) => (
            <li key={name}>
              <a href={hrefOf(name)} aria-current={first === name ? 'page' : undefined}>
                {text}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main id="content" tabIndex={-1}>
        <View />
      </main>
      <div class="notice" role="status" aria-live="polite">
        {notice.value !== undefined && <p class={notice.value.bad ? 'bad' : ''}>{notice.value.text}</p>}
      </div>
    </div>
  );
}

const administers = (): boolean => session.value?.administrator === true || (session.value?.domains.length ?? 0) > 0;
const defaultView = (): string => (administers() ? 'accounts' : 'self');

/** What somebody is shown: the directory decides what they may do, whatever stands here. */
function entries(): (readonly [string, string])[] {
  const site = session.value?.administrator === true;
  return [
    ...(administers()
      ? ([
          ['accounts', t('Accounts')],
          ['aliases', t('Aliases')],
          ['domains', t('Domains')],
          ['exchange', t('Import and export')],
          ['tokens', t('API tokens')],
          ['log', t('Log')],
        ] as const)
      : []),
    ...(site ? ([['operation', t('Operation')]] as const) : []),
    ['self', t('My account')],
  ];
}

function View(): ComponentChildren {
  const [name = defaultView(), what] = view.value;
  switch (name) {
    case 'accounts':
      return what === undefined ? <AccountsView /> : <AccountView key={what} address={what} />;
    case 'aliases':
      return <AliasesView />;
    case 'domains':
      return what === undefined ? <DomainsView /> : <DomainView key={what} name={what} />;
    case 'exchange':
      return <ExchangeView />;
    case 'tokens':
      return <TokensView />;
    case 'log':
      return <LogView />;
    case 'operation':
      return <OperationView />;
    default:
      return <SelfView />;
  }
}
