import { useEffect, useState } from 'preact/hooks';
import { ActionBar } from '../components/action-bar.tsx';
import { EmptyState, IconButton, Spinner } from '../components/button.tsx';
import { LabelChips } from '../components/label-chips.tsx';
import { subjectOf } from '../components/people.ts';
import { t } from '../i18n/i18n.ts';
import type { EmailHead } from '../jmap/types.ts';
import { currentMailbox, openEmail, rowMembers } from '../state/current-list.ts';
import { emailSignal, loadThreadOf } from '../state/emails.ts';
import { failed } from '../state/failed.ts';
import { mailboxByRole } from '../state/mailboxes.ts';
import { Message } from './message.tsx';

/** What is in the trash or among the junk is part of a conversation only where one looks at these. */
function isShown(email: EmailHead, opened: string): boolean {
  if (email.id === opened || ['trash', 'junk'].includes(currentMailbox.value?.role ?? '')) return true;
  const hidden = [mailboxByRole('trash')?.id, mailboxByRole('junk')?.id];
  return Object.keys(email.mailboxIds).some((id) => !hidden.includes(id));
}

/** The message that was opened, with all of its conversation, from whatever mailbox. */
export function Conversation({ emailId }: { readonly emailId: string }) {
  const [loaded, setLoaded] = useState(false);
  const email = emailSignal(emailId).value;
  useEffect(() => {
    loadThreadOf(emailId)
      .catch(failed)
      .finally(() => setLoaded(true));
  }, [emailId]);
  if (email === undefined) {
    return loaded ? <EmptyState icon="mail" title={t('message.gone')} /> : <Spinner label={t('app.loading')} />;
  }
  const members = rowMembers(emailId).filter((each) => each !== undefined);
  return (
    <div class="conversation">
      <header class="conversation-head">
        <div class="conversation-bar">
          <IconButton
            icon="arrowLeft"
            class="back-button"
            label={t('app.back')}
            hint="Esc"
            onClick={() => openEmail(undefined)}
          />
          <ActionBar rows={[emailId]} />
        </div>
        <h2>
          {subjectOf(email.subject?.replace(/^(?:(?:re|aw|sv|tr):\s*)+/i, ''))} <LabelChips keywords={email.keywords} />
        </h2>
      </header>
      {loaded || members.length > 0 ? (
        <Members members={members.filter((each) => isShown(each, emailId))} opened={emailId} />
      ) : (
        <Spinner label={t('app.loading')} />
      )}
    </div>
  );
}

/** Open are the one that was asked for, the last, and those that are unread. */
function Members({ members, opened }: { readonly members: readonly EmailHead[]; readonly opened: string }) {
  const last = members.at(-1)?.id;
  return (
    <>
      {members.map((email) => (
        <Message
          key={email.id}
          email={email}
          initiallyOpen={email.id === opened || email.id === last || !('$seen' in email.keywords)}
        />
      ))}
    </>
  );
}
