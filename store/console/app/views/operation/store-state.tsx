import { Badge, Loading, useLoaded } from '../../components/loaded.tsx';
import { octets, t } from '../../i18n.ts';
import { hrefOf } from '../../state.ts';

interface State {
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

/** What the store holds, who holds the most, and when certificates end. */
export function StoreState() {
  const { value, why } = useLoaded<State>('/api/operation/store');
  const held = ({ messages, bytes }: { messages: number; bytes: number }): string =>
    t('Messages: {messages}, {bytes}', { messages, bytes: octets(bytes) });
  return (
    <>
      <div class="card">
        <h2>{t('Store')}</h2>
        {value === undefined ? (
          <Loading why={why} />
        ) : (
          <dl>
            <dt>{t('Accounts')}</dt>
            <dd>{value.accounts}</dd>
            <dt>{t('Mail')}</dt>
            <dd>{held(value)}</dd>
            <dt>{t('Database')}</dt>
            <dd>{t(value.database)}</dd>
            <dt>{t('Directory')}</dt>
            <dd>{t(value.directory)}</dd>
          </dl>
        )}
        <h2>{t('Certificates')}</h2>
        <ul class="names">
          {value?.certificates.map((certificate) => (
            <li key={certificate.file}>
              <div>
                <span>{certificate.subject}</span>
                <small>{certificate.file}</small>
              </div>
              <Badge kind={certificate.daysLeft < SOON_DAYS ? 'bad' : 'good'}>
                {t('{days} days left', { days: certificate.daysLeft })}
              </Badge>
            </li>
          ))}
        </ul>
      </div>
      <div class="card">
        <h2>{t('Largest accounts')}</h2>
        <ul class="names">
          {value?.largest.map((each) => (
            <li key={each.address}>
              <a href={hrefOf('accounts', each.address)}>{each.address}</a>
              <small>{held(each)}</small>
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}
