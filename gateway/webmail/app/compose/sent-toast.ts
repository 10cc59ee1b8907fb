import { formatDate, t } from '../i18n/i18n.ts';
import { rememberUndo } from '../state/actions.ts';
import { openCompose } from '../state/compose.ts';
import { failed } from '../state/failed.ts';
import { closeToast, showToast } from '../state/toasts.ts';
import { type Sent, takeBack } from './send.ts';

const SCHEDULED_SHOWN_MS = 8_000;
/** The last moment is too late: the request takes its time. */
const MARGIN_MS = 500;

/** Says that a message goes, or when; as long as it has not gone it can be taken back, and is open again. */
export function offerUndo(sent: Sent, when: { readonly delayS: number } | { readonly sendAt: string }): void {
  const scheduled = 'sendAt' in when;
  const text = scheduled ? t('compose.scheduledFor', { date: formatDate(when.sendAt) }) : t('compose.sent');
  const forMs = scheduled ? SCHEDULED_SHOWN_MS : when.delayS * 1_000 - MARGIN_MS;
  if (!scheduled && forMs <= 0) return void showToast({ kind: 'done', text });
  const run = (): void => {
    forget();
    closeToast(toast);
    takeBack(sent.submissionId).then(() => {
      showToast({ kind: 'done', text: t('compose.takenBack') });
      openCompose({ kind: 'draft', emailId: sent.emailId });
    }, failed);
  };
  const forget = rememberUndo(run);
  const toast = showToast({ kind: 'done', text, action: { label: t('app.undo'), run } }, forMs);
  setTimeout(forget, forMs);
}
