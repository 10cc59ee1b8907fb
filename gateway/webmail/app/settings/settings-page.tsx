import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import './settings.css';
import { IconButton } from '../components/button.tsx';
import { Icon, type IconName } from '../components/icon.tsx';
import type { MessageKey } from '../i18n/catalogue.ts';
import { t } from '../i18n/i18n.ts';
import { failed } from '../state/failed.ts';
import { loadMailboxes, mailboxesLoaded } from '../state/mailboxes.ts';
import { loadPreferences, preferencesLoaded } from '../state/preferences.ts';
import { goTo } from '../state/route.ts';
import { FiltersPage } from './filters-page.tsx';
import { GeneralPage } from './general-page.tsx';
import { IdentitiesPage } from './identities-page.tsx';
import { ScheduledPage } from './scheduled-page.tsx';
import { SecurityPage } from './security-page.tsx';
import { StoragePage } from './storage-page.tsx';
import { VacationPage } from './vacation-page.tsx';

const PAGES: readonly (readonly [id: string, icon: IconName, label: MessageKey, page: ComponentType])[] = [
  ['general', 'gear', 'settings.general', GeneralPage],
  ['identities', 'user', 'settings.identities', IdentitiesPage],
  ['vacation', 'mail', 'settings.vacation', VacationPage],
  ['filters', 'folder', 'settings.filters', FiltersPage],
  ['scheduled', 'clock', 'compose.scheduled', ScheduledPage],
  ['security', 'shield', 'settings.security', SecurityPage],
  ['storage', 'archive', 'settings.storage', StoragePage],
];

/** The settings, one page each (`/settings/PAGE`). Loaded when they are opened. */
export function SettingsPage({ page }: { readonly page: string }) {
  useEffect(() => {
    // Who comes by the address bar has not seen the list, which reads them otherwise.
    if (!preferencesLoaded.peek()) loadPreferences().catch(failed);
    if (!mailboxesLoaded.peek()) loadMailboxes().catch(failed);
  }, []);
  const pages = useRef<HTMLElement>(null);
  // On a telephone they stand side by side, more than there is room for.
  useEffect(() => pages.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' }), [page]);
  const [current, , title, Page] = PAGES.find(([id]) => id === page) ?? (PAGES[0] as (typeof PAGES)[number]);
  return (
    <div class="settings">
      <header class="settings-head">
        <IconButton
          icon="arrowLeft"
          label={t('app.back')}
          onClick={() => goTo({ view: 'mail', mailbox: 'inbox', query: '', email: undefined })}
        />
        <h1>{t('account.settings')}</h1>
      </header>
      <nav ref={pages} class="settings-pages" aria-label={t('account.settings')}>
        {PAGES.map(([id, icon, label]) => (
          <a
            key={id}
            class="settings-link"
            href={`/settings/${id}`}
            aria-current={id === current ? 'page' : undefined}
            onClick={(event) => {
              event.preventDefault();
              goTo({ view: 'settings', page: id });
            }}
          >
            <Icon name={icon} />
            {t(label)}
          </a>
        ))}
      </nav>
      <main class="settings-main" aria-label={t(title)}>
        <Page key={current} />
      </main>
    </div>
  );
}
