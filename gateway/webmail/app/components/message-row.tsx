import { formatListDate, t } from '../i18n/i18n.ts';
import type { EmailHead } from '../jmap/types.ts';
import { flagRows } from '../state/actions.ts';
import { currentMailbox, focused, openEmail, rowMembers, select, selection } from '../state/current-list.ts';
import { emailSignal } from '../state/emails.ts';
import { mailRoute } from '../state/route.ts';
import { Avatar } from './avatar.tsx';
import { IconButton } from './button.tsx';
import { beginDrag } from './drag.ts';
import { Icon } from './icon.tsx';
import { LabelChips } from './label-chips.tsx';
import { nameOfAddress, shortNames, subjectOf } from './people.ts';

interface RowProps {
  readonly id: string | undefined;
  readonly row: number;
  readonly height: number;
}

/** One line of the list: an email, or a conversation by its newest email here. Grey bars until it was read. */
export function MessageRow({ id, row, height }: RowProps) {
  const email = id === undefined ? undefined : emailSignal(id).value;
  const style = { top: `${row * height}px`, height: `${height}px` };
  if (id === undefined || email === undefined) {
    return (
      <div role="row" aria-rowindex={row + 1} class="row row-waiting" style={style}>
        <div role="gridcell" class="row-waiting-bars">
          <span class="visually-hidden">{t('app.loading')}</span>
        </div>
      </div>
    );
  }
  return <KnownRow email={email} row={row} style={style} />;
}

function KnownRow({
  email,
  row,
  style,
}: {
  readonly email: EmailHead;
  readonly row: number;
  readonly style: { readonly top: string; readonly height: string };
}) {
  const { id } = email;
  const members = rowMembers(id).filter((each) => each !== undefined);
  const unread = members.some(({ keywords }) => !('$seen' in keywords) && !('$draft' in keywords));
  const flagged = members.some(({ keywords }) => '$flagged' in keywords);
  const isSelected = selection.value.has(id);
  const isOpen = mailRoute.value?.email === id;
  const isFocused = focused.value === id || (focused.value === undefined && row === 0);
  const outgoing = ['sent', 'drafts'].includes(currentMailbox.value?.role ?? '');
  const names = outgoing
    ? t('list.to', { names: shortNames([email.to]) })
    : shortNames(members.map(({ from }) => from));
  const face = (outgoing ? email.to : email.from)?.[0] ?? { name: null, email: '' };
  const subject = subjectOf(email.subject);
  const classes = ['row', unread && 'row-unread', isSelected && 'row-selected', isOpen && 'row-open'];
  const onClick = (event: MouseEvent): void => {
    if (event.shiftKey) select(id, 'range');
    else if (event.ctrlKey || event.metaKey) select(id, 'toggle');
    else openEmail(id);
  };
  return (
    <div
      role="row"
      aria-rowindex={row + 1}
      aria-selected={isSelected}
      tabIndex={isFocused ? 0 : -1}
      data-email={id}
      class={classes.filter(Boolean).join(' ')}
      style={style}
      draggable
      onDragStart={(event) => beginDrag(event, id, subject)}
      onClick={onClick}
      onFocus={() => {
        focused.value = id;
      }}
    >
      <div role="gridcell" class="row-face">
        <Avatar name={nameOfAddress(face)} address={face.email} />
        <input
          type="checkbox"
          tabIndex={-1}
          checked={isSelected}
          aria-label={t('list.select', { subject })}
          onClick={(event) => {
            event.stopPropagation();
            select(id, event.shiftKey ? 'range' : 'toggle');
          }}
        />
      </div>
      <div role="gridcell" class="row-main">
        <div class="row-line">
          {unread && <span class="row-dot" title={t('list.unread')} />}
          <span class="row-names">
            {unread && <span class="visually-hidden">{t('list.unread')}: </span>}
            {names}
          </span>
          {members.length > 1 && (
            <span class="row-count" title={t('list.inThread', { count: members.length })}>
              {members.length}
            </span>
          )}
          <span class="row-marks">
            {'$answered' in email.keywords && <Mark icon="reply" label={t('list.answered')} />}
            {members.some(({ hasAttachment }) => hasAttachment) && <Mark icon="clip" label={t('list.attachment')} />}
          </span>
          <time class="row-date" dateTime={email.receivedAt}>
            {formatListDate(email.receivedAt)}
          </time>
        </div>
        <div class="row-line">
          <span class="row-subject">
            {'$draft' in email.keywords && <span class="row-draft">{t('list.draft')} </span>}
            {subject}
          </span>
          <LabelChips keywords={email.keywords} />
        </div>
        <div class="row-preview">{email.preview}</div>
      </div>
      <div role="gridcell" class="row-flag">
        <IconButton
          icon="flag"
          filled={flagged}
          class={flagged ? 'flag-button flagged' : 'flag-button'}
          tabIndex={-1}
          label={t(flagged ? 'list.unflag' : 'list.flag', { subject })}
          onClick={(event) => {
            event.stopPropagation();
            flagRows([id], !flagged);
          }}
        />
      </div>
    </div>
  );
}

function Mark({ icon, label }: { readonly icon: 'reply' | 'clip'; readonly label: string }) {
  return (
    <span class="row-mark" title={label}>
      <Icon name={icon} size={15} />
      <span class="visually-hidden">{label}</span>
    </span>
  );
}
