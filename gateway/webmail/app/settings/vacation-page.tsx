import { useEffect, useState } from 'preact/hooks';
import { Spinner } from '../components/button.tsx';
import { t } from '../i18n/i18n.ts';
import { call } from '../jmap/request.ts';
import type { GetAnswer, SetAnswer } from '../jmap/types.ts';
import { failed } from '../state/failed.ts';
import { showToast } from '../state/toasts.ts';
import { FormEnd, onForm, Section, Switch } from './parts.tsx';

/** RFC 8621 §8. */
interface Vacation {
  readonly isEnabled: boolean;
  readonly fromDate: string | null;
  readonly toDate: string | null;
  readonly subject: string | null;
  readonly textBody: string | null;
}

/** The answer while the user is away. */
export function VacationPage() {
  const [vacation, setVacation] = useState<Vacation | undefined>(undefined);
  const [on, setOn] = useState(false);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    call<GetAnswer<Vacation>>('VacationResponse/get', { ids: null }).then(({ list }) => {
      setVacation(list[0]);
      setOn(list[0]?.isEnabled === true);
    }, failed);
  }, []);
  if (vacation === undefined) return <Spinner label={t('app.loading')} />;
  const save = async (field: (name: string) => string): Promise<void> => {
    // Days of this place: from the first moment of one to the last of the other.
    const moment = (day: string, time: string): string | null =>
      day === '' ? null : new Date(`${day}T${time}`).toISOString().replace(/\.\d+Z$/, 'Z');
    const update = {
      isEnabled: on,
      fromDate: moment(field('from'), '00:00:00'),
      toDate: moment(field('to'), '23:59:59'),
      subject: field('subject').trim() || null,
      textBody: field('text') || null,
    };
    const { notUpdated } = await call<SetAnswer>('VacationResponse/set', { update: { singleton: update } });
    const refused = notUpdated?.singleton;
    setProblem(refused === undefined ? '' : (refused.description ?? refused.type));
    if (refused === undefined) showToast({ kind: 'done', text: t('settings.saved') });
  };
  return (
    <Section title={t('settings.vacation')} hint={t('settings.vacationHint')}>
      <form class="settings-form" onSubmit={onForm((field) => void save(field).catch(failed))}>
        <Switch label={t('settings.vacationOn')} on={on} onChange={setOn} />
        <div class="settings-columns">
          <label class="field">
            {t('settings.from')}
            <input name="from" type="date" defaultValue={dayOf(vacation.fromDate)} />
          </label>
          <label class="field">
            {t('settings.until')}
            <input name="to" type="date" defaultValue={dayOf(vacation.toDate)} />
          </label>
        </div>
        <label class="field">
          {t('compose.subject')}
          <input name="subject" defaultValue={vacation.subject ?? ''} placeholder={t('settings.vacationSubject')} />
        </label>
        <label class="field">
          {t('settings.vacationText')}
          <textarea name="text" rows={6} required={on} defaultValue={vacation.textBody ?? ''} />
        </label>
        <FormEnd problem={problem} />
      </form>
    </Section>
  );
}

function dayOf(moment: string | null): string {
  if (moment === null) return '';
  const date = new Date(moment);
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;
}
