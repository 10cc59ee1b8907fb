import { effect } from '@preact/signals';
import { render } from 'preact';
import './styles/tokens.css';
import './styles/base.css';
import { App } from './components/app.tsx';
import { preferredLanguage, useLanguage } from './i18n/i18n.ts';
import { trustedWorkerUrl } from './message-view/trusted-types.ts';
import { loadAccount } from './state/account.ts';

const root = document.getElementById('app');
if (root === null) throw new Error('the page has no place for the app');
// The language first: a page in the wrong one is worse than one that comes a moment later.
await useLanguage(preferredLanguage()).catch(() => undefined);
effect(() => void useLanguage(preferredLanguage()).catch(() => undefined));
render(<App />, root);
void loadAccount();
if ('serviceWorker' in navigator) navigator.serviceWorker.register(trustedWorkerUrl()).catch(() => undefined);
