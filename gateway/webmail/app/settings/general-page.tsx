import { LANGUAGES, t } from '../i18n/i18n.ts';
import { failed } from '../state/failed.ts';
import { changePreferences, type Preferences, preferences } from '../state/preferences.ts';
import { showToast } from '../state/toasts.ts';
import { Choice, Section, Switch } from './parts.tsx';

const UNDO_SECONDS = [0, 5, 10, 20, 30] as const;

/** How the app looks and behaves. Every change holds at once, in all of the user's browsers. */
export function GeneralPage() {
  const own = preferences.value;
  const change = (what: Partial<Preferences>): void => void changePreferences(what).catch(failed);
  return (
    <>
      <Section title={t('settings.look')}>
        <Choice
          label={t('account.language')}
          value={own.language}
          options={[['', t('account.languageBrowser')], ...Object.entries(LANGUAGES)]}
          onChange={(language) => change({ language })}
        />
        <Choice
          label={t('account.theme')}
          value={own.theme}
          options={[
            ['system', t('account.theme.system')],
            ['light', t('account.theme.light')],
            ['dark', t('account.theme.dark')],
          ]}
          onChange={(theme) => change({ theme })}
        />
        <Switch
          label={t('account.compact')}
          on={own.density === 'compact'}
          onChange={(on) => change({ density: on ? 'compact' : 'comfortable' })}
        />
        <Switch
          label={t('account.conversations')}
          on={own.conversations}
          onChange={(conversations) => change({ conversations })}
        />
        <Switch
          label={t('account.notifications')}
          on={own.notifications}
          onChange={(on) => void setNotifications(on)}
        />
      </Section>
      <Section title={t('settings.writing')}>
        <Switch label={t('settings.richText')} on={own.richText} onChange={(richText) => change({ richText })} />
        <Choice
          label={t('settings.undoSend')}
          value={String(own.undoSendS)}
          options={UNDO_SECONDS.map((seconds) => [
            String(seconds),
            seconds === 0 ? t('settings.undoOff') : t('settings.seconds', { seconds }),
          ])}
          onChange={(seconds) => change({ undoSendS: Number(seconds) })}
        />
      </Section>
      <Section title={t('settings.remote')} hint={t('settings.remoteHint')}>
        <TrustedSenders />
      </Section>
    </>
  );
}

async function setNotifications(on: boolean): Promise<void> {
  const allowed = !on || (await Notification.requestPermission()) === 'granted';
  if (!allowed) showToast({ kind: 'failed', text: t('account.notificationsDenied') });
  await changePreferences({ notifications: on && allowed }).catch(failed);
}

function TrustedSenders() {
  const senders = preferences.value.trustedSenders;
  if (senders.length === 0) return <p class="quiet">{t('settings.noTrusted')}</p>;
  return (
    <ul class="plain-list">
      {senders.map((sender) => (
        <li key={sender} class="settings-row">
          <span>{sender}</span>
          <button
            type="button"
            class="button"
            aria-label={t('compose.removeRecipient', { name: sender })}
            onClick={() =>
              void changePreferences({ trustedSenders: senders.filter((each) => each !== sender) }).catch(failed)
            }
          >
            {t('settings.remove')}
          </button>
        </li>
      ))}
    </ul>
  );
}
