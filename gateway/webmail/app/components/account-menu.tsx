import { t } from '../i18n/i18n.ts';
import { account, signOut } from '../state/account.ts';
import { failed } from '../state/failed.ts';
import { pageDialog } from '../state/page-dialog.ts';
import { changePreferences, preferences } from '../state/preferences.ts';
import { goTo } from '../state/route.ts';
import { allowNotifications } from '../state/sync.ts';
import { showToast } from '../state/toasts.ts';
import { Avatar } from './avatar.tsx';
import { Menu, type MenuItem } from './menu.tsx';

export function AccountMenu() {
  const user = account.value?.user ?? '';
  const { theme, conversations, density, notifications } = preferences.value;
  const change = (what: Parameters<typeof changePreferences>[0]): void => void changePreferences(what).catch(failed);
  const notify = async (): Promise<void> => {
    const wanted = !notifications;
    if (wanted && !(await allowNotifications())) {
      showToast({ kind: 'failed', text: t('account.notificationsDenied') });
      return;
    }
    await changePreferences({ notifications: wanted });
  };
  const themes = (['system', 'light', 'dark'] as const).map(
    (each, n): MenuItem => ({
      label: `${t('account.theme')}: ${t(`account.theme.${each}`)}`,
      checked: theme === each,
      separated: n === 0,
      run: () => change({ theme: each }),
    }),
  );
  return (
    <Menu
      label={`${t('account.menu')}: ${user}`}
      class="account-menu"
      button={<Avatar name={user} address={user} />}
      items={[
        {
          label: t('account.conversations'),
          checked: conversations,
          run: () => change({ conversations: !conversations }),
        },
        {
          label: t('account.compact'),
          checked: density === 'compact',
          run: () => change({ density: density === 'compact' ? 'comfortable' : 'compact' }),
        },
        { label: t('account.notifications'), checked: notifications, run: () => void notify().catch(failed) },
        ...themes,
        {
          label: t('account.settings'),
          icon: 'gear',
          separated: true,
          run: () => goTo({ view: 'settings', page: '' }),
        },
        {
          label: t('account.sessions'),
          icon: 'user',
          run: () => {
            pageDialog.value = 'sessions';
          },
        },
        {
          label: t('account.shortcuts'),
          icon: 'source',
          run: () => {
            pageDialog.value = 'shortcuts';
          },
        },
        { label: t('account.signOut'), icon: 'arrowLeft', separated: true, run: () => void signOut().catch(failed) },
      ]}
    />
  );
}
