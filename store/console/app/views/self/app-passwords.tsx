import { useState } from 'preact/hooks';
import { type AppPassword, ask, path } from '../../api.ts';
import { Check, Field, Form } from '../../components/form.tsx';
import { Told } from '../../components/loaded.tsx';
import { t, time } from '../../i18n.ts';
import { sentenceOf, tell } from '../../state.ts';
import { Proof } from './proof.tsx';

const APP_SERVICES = ['imap', 'pop3', 'sieve', 'submission'];

export function AppPasswords(props: { list: readonly AppPassword[]; withCode: boolean; reload: () => void }) {
  const { list, withCode, reload } = props;
  const [made, setMade] = useState<string>();
  const remove = async (name: string): Promise<void> => {
    try {
      await ask('DELETE', path('self', 'app-passwords', name));
      reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
  return (
    <div class="card">
      <h2>{t('App passwords')}</h2>
      <ul class="names">
        {list.map(({ name, label, services, createdAtMs, lastUsedAtMs }) => (
          <li key={name}>
            <div>
              <strong>{label || name}</strong>
              <small>
                {services.join(', ')}; {time(createdAtMs)}
                {lastUsedAtMs !== undefined && `; ${t('last used {time}', { time: time(lastUsedAtMs) })}`}
              </small>
            </div>
            <button
              type="button"
              class="danger"
              aria-label={t('Delete {name}', { name: label || name })}
              onClick={() => remove(name)}
            >
              ✕
            </button>
          </li>
        ))}
      </ul>
      {made !== undefined && <Told label={t('Shown once:')} secret={made} />}
      <Form
        label={t('Create')}
        submit={async (values) => {
          const services = APP_SERVICES.filter((name) => values[`service-${name}`] === 'true');
          const body = { password: values.password, code: values.code ?? '', label: values.label, services };
          setMade((await ask<{ password: string }>('POST', '/api/self/app-passwords', body)).password);
          reload();
        }}
      >
        <Field label={t('For which device or program')} name="label" required />
        <fieldset>
          <legend>{t('Services')}</legend>
          {APP_SERVICES.map((name) => (
            <Check key={name} label={name} name={`service-${name}`} checked={name !== 'pop3'} />
          ))}
        </fieldset>
        <Proof on={withCode} />
      </Form>
    </div>
  );
}
