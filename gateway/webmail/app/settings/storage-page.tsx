import { useEffect, useState } from 'preact/hooks';
import { Spinner } from '../components/button.tsx';
import { formatNumber, formatSize, t } from '../i18n/i18n.ts';
import { call } from '../jmap/request.ts';
import type { GetAnswer } from '../jmap/types.ts';
import { failed } from '../state/failed.ts';
import { Section } from './parts.tsx';

interface Quota {
  readonly id: string;
  readonly resourceType: 'octets' | 'count';
  readonly used: number;
  readonly hardLimit: number;
}

/** How much of the account's room is taken (RFC 9425). */
export function StoragePage() {
  const [quotas, setQuotas] = useState<readonly Quota[] | undefined>(undefined);
  useEffect(
    () => void call<GetAnswer<Quota>>('Quota/get', { ids: null }).then(({ list }) => setQuotas(list), failed),
    [],
  );
  if (quotas === undefined) return <Spinner label={t('app.loading')} />;
  return (
    <Section title={t('settings.storage')}>
      {quotas.length === 0 && <p class="quiet">{t('settings.noQuota')}</p>}
      {quotas.map(({ id, resourceType, used, hardLimit }) => {
        const show = resourceType === 'octets' ? formatSize : formatNumber;
        const label = t(resourceType === 'octets' ? 'settings.quotaSize' : 'settings.quotaCount');
        return (
          <label key={id} class="field">
            {label}
            <meter min={0} max={hardLimit} high={hardLimit * 0.9} value={used} />
            <span class="field-hint">{t('settings.quotaUsed', { used: show(used), limit: show(hardLimit) })}</span>
          </label>
        );
      })}
    </Section>
  );
}
