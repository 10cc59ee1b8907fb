import { useState } from 'preact/hooks';
import type { LogEntry } from '../api.ts';
import { Loading, useLoaded } from '../components/loaded.tsx';
import { t, tellDifferences, time } from '../i18n.ts';

export function LogView() {
  const [before, setBefore] = useState<number>();
  const { value, why } = useLoaded<readonly LogEntry[]>(
    `/api/log?size=50${before === undefined ? '' : `&beforeId=${before}`}`,
  );
  return (
    <section aria-labelledby="log-title">
      <header class="page-head">
        <h1 id="log-title">{t('Log')}</h1>
      </header>
      {value === undefined ? (
        <Loading why={why} />
      ) : value.length === 0 ? (
        <p class="empty">{t('Nothing found')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('When')}</th>
              <th scope="col">{t('Who')}</th>
              <th scope="col">{t('What')}</th>
              <th scope="col">{t('Difference')}</th>
            </tr>
          </thead>
          <tbody>
            {value.map((entry) => (
              <tr key={entry.id}>
                <td data-label={t('When')}>{time(entry.atMs)}</td>
                <td data-label={t('Who')}>
                  {entry.actor} <small>{t(entry.via)}</small>
                </td>
                <td data-label={t('What')}>
                  {t(entry.action)} <strong>{entry.target}</strong>
                </td>
                <td data-label={t('Difference')}>{tellDifferences(entry.differences)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <nav class="pager" aria-label={t('Pages')}>
        {before !== undefined && (
          <button type="button" onClick={() => setBefore(undefined)}>
            {t('First page')}
          </button>
        )}
        {value?.length === 50 && (
          <button type="button" onClick={() => setBefore(value.at(-1)?.id)}>
            {t('Next page')}
          </button>
        )}
      </nav>
    </section>
  );
}
