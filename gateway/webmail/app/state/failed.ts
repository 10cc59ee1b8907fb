import { t } from '../i18n/i18n.ts';
import { RequestFailed } from '../jmap/http.ts';
import { showToast } from './toasts.ts';

/** Tells of a fault, once; the end of a session shows the sign-in page instead. For `.catch(failed)`. */
export function failed(error: unknown): void {
  if (error instanceof RequestFailed && error.status === 401) return;
  const why =
    error instanceof RequestFailed && error.status === 0
      ? t('app.unreachable')
      : error instanceof Error
        ? error.message
        : String(error);
  showToast({ kind: 'failed', text: t('app.failed', { why }) });
}
