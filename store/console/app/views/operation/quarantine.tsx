import { useState } from 'preact/hooks';
import { ask, path } from '../../api.ts';
import { Loading, useLoaded } from '../../components/loaded.tsx';
import { octets, t, time } from '../../i18n.ts';
import { sentenceOf, tell } from '../../state.ts';

interface Page {
  readonly items: readonly {
    readonly uid: number;
    readonly atMs: number;
    readonly sizeBytes: number;
    readonly sender: string;
    readonly from: string;
    readonly subject: string;
    readonly why: string;
    readonly recipients: readonly string[];
  }[];
  readonly more: boolean;
}

/** Mail that the gateway put aside: released to those for whom it was, or removed. */
export function Quarantine() {
  const [before, setBefore] = useState<number>();
  const query = before === undefined ? '' : `?beforeUid=${before}`;
  const { value, why, reload } = useLoaded<Page>(`/api/operation/quarantine${query}`);
  const act = async (method: string, uid: number, where: string[]): Promise<void> => {
    try {
      await ask(method, path('operation', 'quarantine', String(uid), ...where));
      tell(t('Done'));
      reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
  return (
    <div class="card wide">
      <h2>{t('Quarantine')}</h2>
      {value === undefined ? (
        <Loading why={why} />
      ) : value.items.length === 0 ? (
        <p class="muted">{t('Empty')}</p>
      ) : (
        <ul class="names">
          {value.items.map(({ uid, atMs, sizeBytes, sender, from, subject, why: reason, recipients }) => (
            <li key={uid}>
              <div>
                <strong>{subject || t('No subject')}</strong>
                <small>
                  {from || sender || '<>'} → {recipients.join(', ')}
                </small>
                <small>
                  {time(atMs)}, {octets(sizeBytes)}: {reason}
                </small>
              </div>
              <span class="actions">
                <button
                  type="button"
                  aria-label={`${t('Release')} ${subject}`}
                  onClick={() => act('POST', uid, ['release'])}
                >
                  {t('Release')}
                </button>
                <button
                  type="button"
                  class="danger"
                  aria-label={`${t('Delete')} ${subject}`}
                  onClick={() => act('DELETE', uid, [])}
                >
                  {t('Delete')}
                </button>
              </span>
            </li>
          ))}
        </ul>
      )}
      {value?.more === true && (
        <button type="button" onClick={() => setBefore(value.items.at(-1)?.uid)}>
          {t('Next page')}
        </button>
      )}
    </div>
  );
}
