import { useState } from 'preact/hooks';
import { ask, path } from '../api.ts';
import { Check, Field, Form, words } from '../components/form.tsx';
import { Loading, Told, useLoaded } from '../components/loaded.tsx';
import { t, time } from '../i18n.ts';
import { sentenceOf, session, tell } from '../state.ts';

interface Token {
  readonly id: string;
  readonly label: string;
  readonly domains: readonly string[];
  readonly actions: readonly string[];
  readonly createdBy: string;
  readonly expiresAtMs: number;
  readonly lastUsedAtMs?: number;
}

export function TokensView() {
  const { value, why, reload } = useLoaded<readonly Token[]>('/api/tokens');
  const [made, setMade] = useState<string>();
  const remove = async (id: string): Promise<void> => {
    try {
      await ask('DELETE', path('tokens', id));
      reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
  return (
    <section aria-labelledby="tokens-title">
      <header class="page-head">
        <h1 id="tokens-title">{t('API tokens')}</h1>
        <a href="/api/openapi.json">OpenAPI</a>
      </header>
      <div class="cards">
        <div class="card">
          <h2>{t('New token')}</h2>
          {made !== undefined && <Told label={t('Shown once:')} secret={made} />}
          <Form
            label={t('Create')}
            submit={async (values) => {
              const actions = (session.value?.actions ?? []).filter((action) => values[`action-${action}`] === 'true');
              const body = {
                label: values.label,
                domains: words(values.domains),
                actions,
                lifetimeDays: Number(values.lifetimeDays),
              };
              setMade((await ask<{ token: string }>('POST', '/api/tokens', body)).token);
              reload();
            }}
          >
            <Field label={t('Name')} name="label" required />
            <Field label={t('Domains')} name="domains" value={session.value?.domains[0] ?? ''} required />
            <fieldset>
              <legend>{t('What it may do')}</legend>
              {session.value?.actions.map((action) => (
                <Check key={action} label={t(action)} name={`action-${action}`} checked={action === 'read'} />
              ))}
            </fieldset>
            <Field label={t('Days that it lives')} name="lifetimeDays" inputMode="numeric" value={365} required />
          </Form>
        </div>
        <div class="card">
          <h2>{t('Tokens')}</h2>
          {value === undefined ? (
            <Loading why={why} />
          ) : value.length === 0 ? (
            <p class="muted">{t('Nothing found')}</p>
          ) : (
            <ul class="names">
              {value.map((token) => (
                <li key={token.id}>
                  <div>
                    <strong>{token.label}</strong>
                    <small>
                      {token.domains.join(', ')}: {token.actions.map((action) => t(action)).join(', ')};{' '}
                      {t('until {time}', { time: time(token.expiresAtMs) })}
                    </small>
                  </div>
                  <button type="button" class="danger" onClick={() => remove(token.id)}>
                    {t('Delete')}
                  </button>
                </li>
              ))}
            </ul>
          )}
        </div>
      </div>
    </section>
  );
}
