import { useState } from 'preact/hooks';
import { Dialog } from '../components/dialog.tsx';
import { formatDate, t } from '../i18n/i18n.ts';
import { account } from '../state/account.ts';

/** When a message is to be sent: some times that are often meant, or any other. */
export function ScheduleDialog(props: { readonly onClose: () => void; readonly onChoose: (sendAt: string) => void }) {
  const [nowMs] = useState(() => Date.now());
  const [own, setOwn] = useState(() => localForm(suggestions(nowMs)[0]?.at ?? new Date(nowMs)));
  const chosen = new Date(own);
  const most = (account.value?.maxDelayedSendS ?? 0) * 1_000;
  const wrong = Number.isNaN(chosen.getTime()) || chosen.getTime() <= nowMs || chosen.getTime() > nowMs + most;
  const choose = (at: Date): void => props.onChoose(at.toISOString().replace(/\.\d+Z$/, 'Z'));
  return (
    <Dialog title={t('compose.schedule')} onClose={props.onClose} class="dialog-small">
      <div class="schedule-choices">
        {suggestions(nowMs).map(({ key, at }) => (
          <button key={key} type="button" class="button schedule-choice" onClick={() => choose(at)}>
            <span>{t(key)}</span>
            <span class="quiet">{formatDate(at.toISOString())}</span>
          </button>
        ))}
      </div>
      <form
        class="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!wrong) choose(chosen);
        }}
      >
        <label class="field">
          {t('compose.scheduleOwn')}
          <input
            type="datetime-local"
            value={own}
            min={localForm(new Date(nowMs))}
            aria-invalid={wrong}
            onInput={(event) => setOwn(event.currentTarget.value)}
          />
        </label>
        <div class="dialog-actions">
          <button type="submit" class="button button-primary" disabled={wrong}>
            {t('compose.scheduleSend')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function suggestions(nowMs: number) {
  const at = (days: number, hour: number): Date => {
    const date = new Date(nowMs);
    date.setDate(date.getDate() + days);
    date.setHours(hour, 0, 0, 0);
    return date;
  };
  const toMonday = (8 - new Date(nowMs).getDay()) % 7 || 7;
  return [
    { key: 'compose.tomorrowMorning', at: at(1, 8) },
    { key: 'compose.tomorrowAfternoon', at: at(1, 13) },
    { key: 'compose.mondayMorning', at: at(toMonday, 8) },
  ] as const;
}

/** What `datetime-local` takes: the time of this place. */
function localForm(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}
