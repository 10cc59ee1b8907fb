import { useEffect, useState } from 'preact/hooks';
import { Spinner } from '../components/button.tsx';
import { listScheduled, type Scheduled, takeBack } from '../compose/send.ts';
import { formatDate, t } from '../i18n/i18n.ts';
import { openCompose } from '../state/compose.ts';
import { failed } from '../state/failed.ts';
import { showToast } from '../state/toasts.ts';
import { Section, Unread } from './parts.tsx';

/** Messages that wait for their time. Who takes one back has it open again. */
export function ScheduledPage() {
  const [list, setList] = useState<readonly Scheduled[] | undefined>(undefined);
  const [why, setWhy] = useState('');
  const load = (): void => {
    setWhy('');
    listScheduled().then(setList, (error: unknown) => setWhy(error instanceof Error ? error.message : String(error)));
  };
  useEffect(load, []);
  if (why !== '') return <Unread title={t('compose.scheduled')} why={why} onRetry={load} />;
  if (list === undefined) return <Spinner label={t('app.loading')} />;
  const cancel = async (each: Scheduled): Promise<void> => {
    await takeBack(each.id);
    showToast({ kind: 'done', text: t('compose.takenBack') });
    load();
    openCompose({ kind: 'draft', emailId: each.emailId });
  };
  return (
    <Section title={t('compose.scheduled')} hint={t('settings.scheduledHint')}>
      {list.length === 0 && <p class="quiet">{t('settings.nothingScheduled')}</p>}
      <ul class="plain-list">
        {list.map((each) => (
          <li key={each.id} class="settings-row">
            <span>
              <strong>{each.subject || t('list.noSubject')}</strong>
              <span class="quiet">
                {formatDate(each.sendAt)} · {each.recipients.join(', ')}
              </span>
            </span>
            <button type="button" class="button" onClick={() => void cancel(each).catch(failed)}>
              {t('settings.takeBack')}
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}
