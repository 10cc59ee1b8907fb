import { effect } from '@preact/signals';
import { t } from '../i18n/i18n.ts';
import type { EmailHead } from '../jmap/types.ts';
import { account } from './account.ts';
import { currentList, openEmail } from './current-list.ts';
import { catchUp, emailState } from './emails.ts';
import { failed } from './failed.ts';
import { loadMailboxes, mailboxByRole, refreshMailboxes } from './mailboxes.ts';
import { loadPreferences, preferences } from './preferences.ts';
import { listenForChanges, type StateChange } from './push.ts';
import { keepSubscribed } from './web-push.ts';

/** The first row that is in view, told by the list; the rows around it are read first after a change. */
export const view: { anchor: string | undefined; moved(rows: number): void } = {
  anchor: undefined,
  moved: () => undefined,
};

let running = false;
let wanted: StateChange | undefined;

/** Reads the account and follows it until the answer is called. */
export function followAccount(): () => void {
  let stopSubscribing: (() => void) | undefined;
  let over = false;
  void Promise.all([loadMailboxes(), loadPreferences()])
    .then(() => {
      // Before they are read nobody knows what this user wants. A push service that is away is no fault of the mail.
      if (!over)
        stopSubscribing = effect(() => void subscribe(account.value?.webPushKey, preferences.value.notifications));
    })
    .catch(failed);
  const stopListening = listenForChanges((types) => {
    wanted = { ...wanted, ...types };
    void follow();
  });
  return () => {
    over = true;
    stopSubscribing?.();
    stopListening();
  };
}

const subscribe = (key: string | undefined, isWanted: boolean): Promise<void> =>
  keepSubscribed(key, isWanted).catch(() => undefined);

async function follow(): Promise<void> {
  if (running) return;
  running = true;
  try {
    while (wanted !== undefined) {
      const types = wanted;
      wanted = undefined;
      await refreshMailboxes(types.Mailbox);
      if (types.Email !== undefined && types.Email !== emailState && emailState !== '') {
        const { created } = await catchUp();
        const moved = await currentList.peek()?.refresh(view.anchor);
        if (moved !== undefined && moved !== 0) view.moved(moved);
        for (const email of created) notify(email);
      }
    }
  } catch (error) {
    failed(error);
  } finally {
    running = false;
  }
}

/** A desktop notification, for unread mail in the inbox, when nobody looks at the page. */
function notify(email: EmailHead): void {
  const inbox = mailboxByRole('inbox');
  const isNews = inbox !== undefined && inbox.id in email.mailboxIds && !('$seen' in email.keywords);
  if (!isNews || !preferences.peek().notifications || document.visibilityState === 'visible') return;
  if (!('Notification' in window) || Notification.permission !== 'granted') return;
  const sender = email.from?.[0];
  const notification = new Notification(t('notify.title', { name: sender?.name ?? sender?.email ?? '' }), {
    body: `${email.subject ?? t('list.noSubject')}\n${email.preview}`.slice(0, 200),
    tag: email.id,
    icon: '/icon.svg',
  });
  notification.onclick = () => {
    window.focus();
    openEmail(email.id);
    notification.close();
  };
}

/** Asks the browser; answers whether it allows notifications. */
export async function allowNotifications(): Promise<boolean> {
  return 'Notification' in window && (await Notification.requestPermission()) === 'granted';
}
