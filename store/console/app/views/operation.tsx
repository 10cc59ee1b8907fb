import { useState } from 'preact/hooks';
import { ask, get, path } from '../api.ts';
import { Field, Form } from '../components/form.tsx';
import { Badge, Loading, useLoaded } from '../components/loaded.tsx';
import { octets, t } from '../i18n.ts';
import { sentenceOf, tell } from '../state.ts';

interface Queues {
  readonly hub: readonly {
    readonly id: string;
    readonly state: string;
    readonly reversePath: string;
    readonly cause: string;
    readonly attempts: number;
  }[];
  readonly relay: unknown;
  readonly relayWhy?: string;
}

interface StoreState {
  readonly accounts: number;
  readonly messages: number;
  readonly bytes: number;
  readonly largest: readonly { readonly address: string; readonly messages: number; readonly bytes: number }[];
  readonly certificates: readonly {
    readonly file: string;
    readonly subject: string;
    readonly endsAt: string;
    readonly daysLeft: number;
  }[];
  readonly database: string;
  readonly directory: string;
}

const SOON_DAYS = 21;

export function OperationView() {
  const store = useLoaded<StoreState>('/api/operation/store');
  const queues = useLoaded<Queues>('/api/operation/queues');
  const [trace, setTrace] = useState<string>();
  const act = async (id: string, action: string): Promise<void> => {
    try {
      await ask('POST', path('operation', 'queues', 'hub', id, action));
      queues.reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
  return (
    <section aria-labelledby="operation-title">
      <header class="page-head">
        <h1 id="operation-title">{t('Operation')}</h1>
      </header>
      <div class="cards">
        <div class="card">
          <h2>{t('Store')}</h2>
          {store.value === undefined ? (
            <Loading why={store.why} />
          ) : (
            <>
              <dl>
                <dt>{t('Accounts')}</dt>
                <dd>{store.value.accounts}</dd>
                <dt>{t('Mail')}</dt>
                <dd>
                  {t('{messages} messages, {bytes}', {
                    messages: store.value.messages,
                    bytes: octets(store.value.bytes),
                  })}
                </dd>
                <dt>{t('Database')}</dt>
                <dd>{store.value.database}</dd>
                <dt>{t('Directory')}</dt>
                <dd>{store.value.directory}</dd>
              </dl>
              <h3>{t('Certificates')}</h3>
              <ul class="names">
                {store.value.certificates.map((certificate) => (
                  <li key={certificate.file}>
                    <span>{certificate.subject}</span>
                    <Badge kind={certificate.daysLeft < SOON_DAYS ? 'bad' : 'good'}>
                      {t('{days} days left', { days: certificate.daysLeft })}
                    </Badge>
                  </li>
                ))}
              </ul>
            </>
          )}
        </div>
        <div class="card">
          <h2>{t('Largest accounts')}</h2>
          <ul class="names">
            {store.value?.largest.map(({ address, messages, bytes }) => (
              <li key={address}>
                <span>{address}</span>
                <small>{t('{messages} messages, {bytes}', { messages, bytes: octets(bytes) })}</small>
              </li>
            ))}
          </ul>
        </div>
        <div class="card wide">
          <h2>{t('Queue of the hub')}</h2>
          {queues.value === undefined ? (
            <Loading why={queues.why} />
          ) : queues.value.hub.length === 0 ? (
            <p class="muted">{t('Empty')}</p>
          ) : (
            <ul class="names">
              {queues.value.hub.map(({ id, state, reversePath, cause, attempts }) => (
                <li key={id}>
                  <span>
                    <code>{id}</code> {reversePath || '<>'} <small>{`${cause}, ${state}, ${attempts}`}</small>
                  </span>
                  <span class="actions">
                    {['hold', 'release', 'retry', 'cancel'].map((action) => (
                      <button key={action} type="button" onClick={() => act(id, action)}>
                        {t(action)}
                      </button>
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          )}
          <h2>{t('Queue of the relay')}</h2>
          {queues.value !== undefined && (
            <pre>{queues.value.relayWhy ?? JSON.stringify(queues.value.relay, null, 2)}</pre>
          )}
        </div>
        <div class="card wide">
          <h2>{t('Trace of a message')}</h2>
          <Form
            label={t('Search')}
            submit={async ({ q = '' }) => {
              setTrace(JSON.stringify(await get(`/api/operation/trace?q=${encodeURIComponent(q)}`), null, 2));
            }}
          >
            <Field label={t('Message-ID, address or id')} name="q" required />
          </Form>
          {trace !== undefined && <pre>{trace}</pre>}
        </div>
      </div>
    </section>
  );
}
