import { ask, type Domain, path } from '../api.ts';
import { Check, Field, Form, readOctets } from '../components/form.tsx';
import { Lifecycle } from '../components/lifecycle.tsx';
import { Badge, Loading, StateBadge, useLoaded } from '../components/loaded.tsx';
import { octets, t } from '../i18n.ts';
import { go, hrefOf, sentenceOf, session, tell } from '../state.ts';

interface DnsRecord {
  readonly type: string;
  readonly name: string;
  readonly value: string;
  readonly found: readonly string[];
  readonly state: 'right' | 'other' | 'missing' | 'unknown';
}

export function DomainView(props: { name: string }) {
  const url = path('domains', props.name);
  const { value: domain, why, reload } = useLoaded<Domain>(url);
  if (domain === undefined) return <Loading why={why} />;
  const site = session.value?.administrator === true;
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
      tell(t('Saved'));
      reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
  return (
    <section aria-labelledby="domain-title">
      <header class="page-head">
        <div>
          <a class="back" href={hrefOf('domains')}>
            {t('Domains')}
          </a>
          <h1 id="domain-title">{domain.name}</h1>
          <StateBadge active={domain.active} deleted={domain.deleted} />
        </div>
        {site && (
          <Lifecycle
            url={url}
            name={domain.name}
            active={domain.active}
            deleted={domain.deleted}
            onDelete={<p>{t('Mail for the whole domain is refused at once. It can be undone until it is purged.')}</p>}
            onPurge={<p>{t('All its accounts and their mail are removed for good. Nobody can bring them back.')}</p>}
            confirmLabel={t('Write the name to confirm')}
            reload={reload}
            purged={() => go('domains')}
          />
        )}
      </header>
      <div class="cards">
        {site && (
          <div class="card">
            <h2>{t('What its postmasters may do')}</h2>
            <Form
              key={JSON.stringify(domain)}
              label={t('Save')}
              submit={async (values) => {
                await ask('PATCH', url, {
                  description: values.description,
                  editAccounts: values.editAccounts === 'true',
                  editPostmasters: values.editPostmasters === 'true',
                  editCatchAll: values.editCatchAll === 'true',
                  maxAccounts: Number(values.maxAccounts ?? 0),
                  maxAliases: Number(values.maxAliases ?? 0),
                  maxQuotaBytes: readOctets(values.maxQuotaBytes ?? ''),
                });
                tell(t('Saved'));
                reload();
              }}
            >
              <Field label={t('Description')} name="description" value={domain.description} />
              <Check label={t('Change accounts and aliases')} name="editAccounts" checked={domain.editAccounts} />
              <Check label={t('Name other postmasters')} name="editPostmasters" checked={domain.editPostmasters} />
              <Check label={t('Set the catch-all')} name="editCatchAll" checked={domain.editCatchAll} />
              <Field
                label={t('Most accounts')}
                name="maxAccounts"
                inputMode="numeric"
                value={domain.maxAccounts ?? ''}
                hint={t('Left empty, there is no limit.')}
              />
              <Field label={t('Most aliases')} name="maxAliases" inputMode="numeric" value={domain.maxAliases ?? ''} />
              <Field
                label={t('Largest quota of an account')}
                name="maxQuotaBytes"
                value={domain.maxQuotaBytes === undefined ? '' : octets(domain.maxQuotaBytes)}
              />
            </Form>
          </div>
        )}
        <div class="card">
          <h2>{t('Postmasters')}</h2>
          <ul class="names">
            {domain.postmasters?.map((postmaster) => (
              <li key={postmaster}>
                <span>{postmaster}</span>
                <button
                  type="button"
                  aria-label={t('Take {name} away', { name: postmaster })}
                  onClick={() =>
                    attempt(() => ask('POST', `${url}/postmasters`, { operation: 'delete', address: postmaster }))
                  }
                >
                  ✕
                </button>
              </li>
            ))}
          </ul>
          <Form
            key={domain.postmasters?.length}
            label={t('Add')}
            submit={async ({ address }) => {
              await ask('POST', `${url}/postmasters`, { operation: 'add', address });
              reload();
            }}
          >
            <Field label={t('Address')} name="address" type="email" required />
          </Form>
        </div>
        <DnsCard url={url} />
      </div>
    </section>
  );
}

const DNS_STATES = { right: 'good', other: 'warn', missing: 'bad', unknown: 'plain' } as const;

function DnsCard({ url }: { url: string }) {
  const { value, why } = useLoaded<readonly DnsRecord[]>(`${url}/dns`);
  return (
    <div class="card wide">
      <h2>{t('DNS records')}</h2>
      {value === undefined ? (
        <Loading why={why} />
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('Type')}</th>
              <th scope="col">{t('Name')}</th>
              <th scope="col">{t('Value')}</th>
              <th scope="col">{t('State')}</th>
            </tr>
          </thead>
          <tbody>
            {value.map((record) => (
              <tr key={`${record.type}${record.name}${record.value}`}>
                <td data-label={t('Type')}>{record.type}</td>
                <td data-label={t('Name')}>{record.name}</td>
                <td data-label={t('Value')}>
                  <code>{record.value}</code>
                </td>
                <td data-label={t('State')}>
                  <Badge kind={DNS_STATES[record.state]}>{t(record.state)}</Badge>{' '}
                  {record.state === 'other' && record.found.join(', ')}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
