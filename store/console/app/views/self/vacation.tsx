import { ask } from '../../api.ts';
import { Check, Field, Form, words } from '../../components/form.tsx';
import { Loading, useLoaded } from '../../components/loaded.tsx';
import { t } from '../../i18n.ts';
import { tell } from '../../state.ts';

interface VacationSetting {
  readonly enabled: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly subject?: string;
  readonly text: string;
  readonly addresses: readonly string[];
  readonly days: number;
}

const URL = '/api/self/vacation';

/** What senders hear while somebody is away. The same setting that webmail shows. */
export function Vacation() {
  const { value, why, reload } = useLoaded<VacationSetting>(URL);
  return (
    <div class="card">
      <h2>{t('Answer while away')}</h2>
      {value === undefined ? (
        <Loading why={why} />
      ) : (
        <Form
          key={JSON.stringify(value)}
          label={t('Save')}
          submit={async (values) => {
            await ask('PUT', URL, {
              enabled: values.enabled === 'true',
              text: values.text,
              ...(values.subject === '' ? {} : { subject: values.subject }),
              ...(values.from === '' ? {} : { from: dayBegins(values.from) }),
              ...(values.to === '' ? {} : { to: dayEnds(values.to) }),
              addresses: words(values.addresses),
              days: Number(values.days),
            });
            tell(t('Saved'));
            reload();
          }}
        >
          <Check label={t('Answer mail by itself')} name="enabled" checked={value.enabled} />
          <Field label={t('First day')} name="from" type="date" value={dayOf(value.from)} />
          <Field label={t('Last day')} name="to" type="date" value={dayOf(value.to)} />
          <Field
            label={t('Subject')}
            name="subject"
            value={value.subject}
            hint={t('Left empty, it is that of the mail that is answered.')}
          />
          <Field label={t('Text')} name="text" rows={4} value={value.text} />
          <Field
            label={t('My other addresses')}
            name="addresses"
            rows={2}
            value={value.addresses.join('\n')}
            hint={t('Mail to them is answered too. One address a line.')}
          />
          <Field
            label={t('Days until the same sender is answered again')}
            name="days"
            inputMode="numeric"
            value={value.days}
          />
        </Form>
      )}
    </div>
  );
}

const dayBegins = (day = ''): string => new Date(`${day}T00:00:00`).toISOString();
const dayEnds = (day = ''): string => new Date(`${day}T23:59:59`).toISOString();

/** The day of a moment where the reader is, as a field of dates takes it. */
function dayOf(moment: string | undefined): string {
  if (moment === undefined) return '';
  const date = new Date(moment);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
