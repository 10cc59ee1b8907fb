import { useState } from 'preact/hooks';
import { ask } from '../api.ts';
import { Check, Choice, Field, Form } from '../components/form.tsx';
import { Badge } from '../components/loaded.tsx';
import { t, tellDifferences } from '../i18n.ts';

interface Report {
  readonly applied: boolean;
  readonly counts: Readonly<Record<'create' | 'change' | 'same' | 'error', number>>;
  readonly rows: readonly {
    readonly line: number;
    readonly address: string;
    readonly what: 'create' | 'change' | 'same' | 'error';
    readonly differences: readonly { readonly what: string; readonly from: string; readonly to: string }[];
    readonly error?: string;
    readonly text?: string;
    readonly values?: Readonly<Record<string, string | number>>;
    readonly password?: string;
  }[];
}

const KINDS = { create: 'good', change: 'warn', same: 'plain', error: 'bad' } as const;
const MOST_SHOWN = 500;

export function ExchangeView() {
  const [report, setReport] = useState<Report>();
  return (
    <section aria-labelledby="exchange-title">
      <header class="page-head">
        <h1 id="exchange-title">{t('Import and export')}</h1>
      </header>
      <div class="cards">
        <div class="card">
          <h2>{t('Export')}</h2>
          <p class="actions">
            <a class="button" href="/api/export?format=csv" download>
              CSV
            </a>
            <a class="button" href="/api/export?format=ldif" download>
              LDIF
            </a>
          </p>
          <p class="muted">{t('Passwords are not among it: nobody reads them.')}</p>
        </div>
        <div class="card">
          <h2>{t('Import')}</h2>
          <Form
            label={t('Show what would change')}
            submit={async ({ text, format, apply, goodRowsOnly }) => {
              const body = { text, format, dryRun: apply !== 'true', goodRowsOnly: goodRowsOnly === 'true' };
              setReport(await ask<Report>('POST', '/api/import', body));
            }}
          >
            <Choice
              label={t('Format')}
              name="format"
              value="csv"
              options={[
                ['csv', 'CSV'],
                ['ldif', 'LDIF'],
              ]}
            />
            <Field
              label={t('Text')}
              name="text"
              rows={8}
              hint={t(
                'CSV columns: address, name, password, active, quota, services, forwards, targets, description. Targets make an alias.',
              )}
              required
            />
            <Check label={t('Apply it')} name="apply" checked={false} hint={t('Without this nothing is changed.')} />
            <Check label={t('Apply the good rows when others are bad')} name="goodRowsOnly" checked={false} />
          </Form>
        </div>
        {report !== undefined && (
          <div class="card wide" aria-live="polite">
            <h2>{report.applied ? t('Applied') : t('Nothing was changed yet')}</h2>
            <p>
              {(['create', 'change', 'same', 'error'] as const).map((what) => (
                <Badge key={what} kind={KINDS[what]}>
                  {t(what)}: {report.counts[what]}
                </Badge>
              ))}
            </p>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t('Line')}</th>
                  <th scope="col">{t('Address')}</th>
                  <th scope="col">{t('What')}</th>
                  <th scope="col">{t('Difference')}</th>
                </tr>
              </thead>
              <tbody>
                {report.rows.slice(0, MOST_SHOWN).map((row) => (
                  <tr key={row.line}>
                    <td data-label={t('Line')}>{row.line}</td>
                    <td data-label={t('Address')}>{row.address}</td>
                    <td data-label={t('What')}>
                      <Badge kind={KINDS[row.what]}>{t(row.what)}</Badge>
                    </td>
                    <td data-label={t('Difference')}>
                      {row.error === undefined
                        ? tellDifferences(row.differences)
                        : t(row.text ?? row.error, row.values)}
                      {row.password !== undefined && <code> {row.password}</code>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
    </section>
  );
}
