import { useEffect, useState } from 'preact/hooks';
import { formatDate, t } from '../i18n/i18n.ts';
import { endSession, listSessions, type OpenSession, signOut } from '../state/account.ts';
import { failed } from '../state/failed.ts';
import { showToast } from '../state/toasts.ts';
import { Spinner } from './button.tsx';
import { Dialog } from './dialog.tsx';

export function SessionsDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title={t('sessions.title')} onClose={onClose}>
      <SessionList />
    </Dialog>
  );
}

/** Every session of the account, each of which can be ended from here. */
export function SessionList() {
  const [sessions, setSessions] = useState<readonly OpenSession[] | undefined>(undefined);
  const load = (): void => void listSessions().then(setSessions).catch(failed);
  useEffect(load, []);
  const end = async (session: OpenSession): Promise<void> => {
    if (session.current) return signOut();
    await endSession(session.id);
    showToast({ kind: 'done', text: t('sessions.ended') });
    load();
  };
  if (sessions === undefined) return <Spinner label={t('app.loading')} />;
  return (
    <ul class="plain-list">
      {sessions.map((session) => (
        <li key={session.id} class="session-row">
          <span>
            <strong>{session.current ? t('sessions.this') : session.host}</strong>
            <span class="quiet">
              {t('sessions.since', { date: formatDate(session.createdAt), until: formatDate(session.expiresAt) })}
            </span>
          </span>
          <button type="button" class="button" onClick={() => void end(session).catch(failed)}>
            {session.current ? t('account.signOut') : t('sessions.end')}
          </button>
        </li>
      ))}
    </ul>
  );
}
