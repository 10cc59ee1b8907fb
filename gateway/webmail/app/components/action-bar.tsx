import { t } from '../i18n/i18n.ts';
import { archiveRows, deleteRows, flagRows, junkRows, markRead } from '../state/actions.ts';
import { currentMailbox, rowMembers } from '../state/current-list.ts';
import { failed } from '../state/failed.ts';
import { IconButton } from './button.tsx';
import { choosing } from './choose-dialogs.tsx';
import { Icon } from './icon.tsx';
import { Menu, type MenuItem } from './menu.tsx';

/** What can be done with rows: the selection, or the conversation that is open. */
export function ActionBar(props: {
  readonly rows: readonly string[];
  readonly short?: boolean;
  readonly more?: readonly MenuItem[];
}) {
  const { rows } = props;
  const role = currentMailbox.value?.role;
  const members = rows.flatMap(rowMembers).filter((each) => each !== undefined);
  const unread = members.some(({ keywords }) => !('$seen' in keywords));
  const flagged = members.some(({ keywords }) => '$flagged' in keywords);
  const choose = (what: 'mailbox' | 'label') => (): void => {
    choosing.value = { what, rows };
  };
  return (
    <div class="action-bar" role="toolbar" aria-label={t('app.more')}>
      {role !== 'archive' && (
        <IconButton
          icon="archive"
          label={t('action.archive')}
          hint="e"
          onClick={() => void archiveRows(rows).catch(failed)}
        />
      )}
      <IconButton
        icon="trash"
        label={t(role === 'trash' || role === 'junk' ? 'action.deleteForever' : 'action.delete')}
        hint="#"
        onClick={() => void deleteRows(rows).catch(failed)}
      />
      <IconButton
        icon="junk"
        label={t(role === 'junk' ? 'action.notJunk' : 'action.junk')}
        hint="!"
        onClick={() => void junkRows(rows).catch(failed)}
      />
      <IconButton
        icon={unread ? 'mailOpen' : 'mail'}
        label={t(unread ? 'action.read' : 'action.unread')}
        hint="u"
        onClick={() => markRead(rows, unread)}
      />
      {props.short !== true && <span class="bar-line" />}
      <IconButton icon="move" label={t('action.move')} hint="v" onClick={choose('mailbox')} />
      <Menu
        label={t('app.more')}
        button={<Icon name="more" />}
        items={[
          {
            label: t(flagged ? 'action.unflag' : 'action.flag'),
            icon: 'flag',
            run: () => flagRows(rows, !flagged),
          },
          { label: t('action.label'), icon: 'label', run: choose('label') },
          ...(props.more ?? []),
        ]}
      />
    </div>
  );
}
