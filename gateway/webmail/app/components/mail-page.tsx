import { t } from '../i18n/i18n.ts';
import { EmptyState } from './button.tsx';

/** Mailboxes, list and message. */
export function MailPage() {
  return (
    <main>
      <EmptyState icon="mail" title={t('message.none')} />
    </main>
  );
}
