import { useEffect, useRef, useState } from 'preact/hooks';
import { Avatar } from '../components/avatar.tsx';
import { IconButton, Spinner } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import { Menu, type MenuItem } from '../components/menu.tsx';
import { nameOfAddress, shortNames, subjectOf } from '../components/people.ts';
import { formatDate, formatListDate, formatSize, t } from '../i18n/i18n.ts';
import { downloadUrl, readSource } from '../jmap/blobs.ts';
import type { Address, EmailBody, EmailHead } from '../jmap/types.ts';
import { flagRows, markSeenQuietly, nameOf } from '../state/actions.ts';
import { type ComposeStart, openCompose } from '../state/compose.ts';
import { loadBody, peekBody } from '../state/emails.ts';
import { failed } from '../state/failed.ts';
import { mailboxes } from '../state/mailboxes.ts';
import { isDark } from '../state/preferences.ts';
import { Attachments } from './attachments.tsx';
import { hasHtml, listedAttachments, MessageBody } from './message-body.tsx';

/** One message of a conversation; closed, it is a line. */
export function Message({ email, initiallyOpen }: { readonly email: EmailHead; readonly initiallyOpen: boolean }) {
  const [open, setOpen] = useState(initiallyOpen);
  const sender = email.from?.[0] ?? { name: null, email: '' };
  const name = nameOfAddress(sender) || t('list.noSender');
  if (!open) {
    return (
      <article class="message message-closed" aria-label={t('message.label', { name })}>
        <button type="button" aria-expanded="false" title={t('message.expand', { name })} onClick={() => setOpen(true)}>
          <Avatar name={name} address={sender.email} />
          <span class="message-closed-name">{name}</span>
          <span class="message-closed-preview quiet">{email.preview}</span>
          {email.hasAttachment && <Icon name="clip" size={15} />}
          <time class="quiet" dateTime={email.receivedAt}>
            {formatListDate(email.receivedAt)}
          </time>
        </button>
      </article>
    );
  }
  return (
    <OpenMessage email={email} sender={sender} name={name} onClose={initiallyOpen ? undefined : () => setOpen(false)} />
  );
}

function OpenMessage(props: {
  readonly email: EmailHead;
  readonly sender: Address;
  readonly name: string;
  readonly onClose: (() => void) | undefined;
}) {
  const { email, sender, name } = props;
  const [body, setBody] = useState(peekBody(email.id));
  const [gone, setGone] = useState(false);
  const [details, setDetails] = useState(false);
  const [asText, setAsText] = useState(false);
  const [originalColours, setOriginalColours] = useState(false);
  const [remoteAllowed, setRemoteAllowed] = useState(false);
  const [source, setSource] = useState(false);
  const article = useRef<HTMLElement>(null);
  useEffect(() => {
    loadBody(email.id)
      .then((loaded) => {
        setBody(loaded);
        setGone(loaded === undefined);
        if (loaded !== undefined) markSeenQuietly(email.id);
      })
      .catch(failed);
  }, [email.id]);
  const flagged = '$flagged' in email.keywords;
  const isDraft = '$draft' in email.keywords;
  const compose = (kind: Exclude<ComposeStart['kind'], 'new'>) => (): void => openCompose({ kind, emailId: email.id });
  const items: MenuItem[] = [
    { label: t('action.reply'), icon: 'reply', run: compose('reply') },
    { label: t('action.replyAll'), icon: 'replyAll', run: compose('reply-all') },
    { label: t('action.forward'), icon: 'forward', run: compose('forward') },
    { label: t('compose.forwardAttached'), icon: 'clip', run: compose('forward-attached') },
    { label: t('action.print'), icon: 'print', separated: true, run: () => print(article.current) },
    { label: t('action.source'), icon: 'source', run: () => setSource(true) },
    {
      label: t('action.save'),
      icon: 'download',
      href: downloadUrl(email.blobId, `${fileName(email.subject)}.eml`, 'message/rfc822'),
      download: `${fileName(email.subject)}.eml`,
    },
    ...(body !== undefined && hasHtml(body)
      ? [{ label: t('message.asText'), checked: asText, separated: true, run: () => setAsText(!asText) }]
      : []),
    ...(isDark.value && body !== undefined && hasHtml(body)
      ? [
          {
            label: t('message.originalColours'),
            checked: originalColours,
            run: () => setOriginalColours(!originalColours),
          },
        ]
      : []),
  ];
  return (
    <article ref={article} class="message" aria-label={t('message.label', { name })} data-message={email.id}>
      <header class="message-head">
        <Avatar name={name} address={sender.email} />
        <div class="message-who">
          <div class="message-from">
            <strong>{name}</strong>
            {sender.name !== null && <span class="quiet message-address">{sender.email}</span>}
          </div>
          <button type="button" class="message-to quiet" aria-expanded={details} onClick={() => setDetails(!details)}>
            {t('message.to', { names: email.to === null ? '…' : shortNames([email.to]) })}
            <Icon name="chevron" size={13} />
          </button>
        </div>
        <time class="message-date quiet" dateTime={email.receivedAt} title={formatDate(email.receivedAt)}>
          <span class="message-date-long">{formatDate(email.receivedAt)}</span>
          <span class="message-date-short" aria-hidden="true">
            {formatListDate(email.receivedAt)}
          </span>
        </time>
        <div class="message-buttons">
          <IconButton
            icon="flag"
            filled={flagged}
            class={flagged ? 'flagged' : ''}
            label={t(flagged ? 'list.unflag' : 'list.flag', { subject: subjectOf(email.subject) })}
            onClick={() => flagRows([email.id], !flagged)}
          />
          {isDraft ? (
            <IconButton icon="drafts" label={t('action.editDraft')} onClick={compose('draft')} />
          ) : (
            <IconButton icon="reply" label={t('action.reply')} hint="r" onClick={compose('reply')} />
          )}
          <Menu label={t('app.more')} button={<Icon name="more" />} items={items} />
        </div>
      </header>
      {details && <Details email={email} body={body} />}
      <div class="message-content">
        {gone && <p class="quiet">{t('message.gone')}</p>}
        {body === undefined ? (
          !gone && <Spinner label={t('app.loading')} />
        ) : (
          <>
            <MessageBody
              email={email}
              body={body}
              asText={asText}
              originalColours={originalColours}
              remoteAllowed={remoteAllowed}
              onAllowRemote={() => setRemoteAllowed(true)}
            />
            <Attachments parts={listedAttachments(body)} />
          </>
        )}
      </div>
      <footer class="message-foot">
        {isDraft ? (
          <button type="button" class="button" onClick={compose('draft')}>
            <Icon name="drafts" size={16} />
            {t('action.editDraft')}
          </button>
        ) : (
          <>
            <button type="button" class="button" onClick={compose('reply')}>
              <Icon name="reply" size={16} />
              {t('action.reply')}
            </button>
            {(email.to?.length ?? 0) + (body?.cc?.length ?? 0) > 1 && (
              <button type="button" class="button" onClick={compose('reply-all')}>
                <Icon name="replyAll" size={16} />
                {t('action.replyAll')}
              </button>
            )}
            <button type="button" class="button" onClick={compose('forward')}>
              <Icon name="forward" size={16} />
              {t('action.forward')}
            </button>
          </>
        )}
      </footer>
      {source && <SourceDialog email={email} onClose={() => setSource(false)} />}
    </article>
  );
}

function Details({ email, body }: { readonly email: EmailHead; readonly body: EmailBody | undefined }) {
  const people = (list: readonly Address[] | null | undefined): string =>
    (list ?? []).map((each) => (each.name === null ? each.email : `${each.name} <${each.email}>`)).join(', ');
  const where = Object.keys(email.mailboxIds).flatMap((id) => {
    const mailbox = mailboxes.value.get(id);
    return mailbox === undefined ? [] : [nameOf(mailbox)];
  });
  const rows: readonly (readonly [string, string])[] = [
    [t('message.from'), people(email.from)],
    [t('message.toField'), people(email.to)],
    [t('message.cc'), people(body?.cc)],
    [t('message.bcc'), people(body?.bcc)],
    [t('message.replyTo'), people(body?.replyTo)],
    [t('message.date'), formatDate(body?.sentAt ?? email.receivedAt)],
    [t('message.size'), formatSize(email.size)],
    [t('message.in'), where.join(', ')],
  ];
  return (
    <dl class="message-details">
      {rows
        .filter(([, value]) => value !== '')
        .map(([label, value]) => (
          <div key={label}>
            <dt class="quiet">{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

const MOST_SHOWN = 400_000;

function SourceDialog({ email, onClose }: { readonly email: EmailHead; readonly onClose: () => void }) {
  const [text, setText] = useState<string | undefined>(undefined);
  useEffect(() => {
    readSource(email.blobId)
      .then((source) => setText(source.slice(0, MOST_SHOWN)))
      .catch(failed);
  }, [email.blobId]);
  return (
    <Dialog title={t('message.source')} onClose={onClose} class="dialog-wide">
      {text === undefined ? (
        <Spinner label={t('app.loading')} />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it
        <pre class="source" tabIndex={0}>
          {text}
        </pre>
      )}
    </Dialog>
  );
}

/** Prints this message alone: the rest of the page is hidden on paper (mail.css). */
function print(article: HTMLElement | null): void {
  article?.classList.add('message-printed');
  document.body.classList.add('printing');
  window.print();
  document.body.classList.remove('printing');
  article?.classList.remove('message-printed');
}

const fileName = (subject: string | null): string =>
  (subject ?? '')
    .replace(/[^\p{L}\p{N} ._-]+/gu, '_')
    .trim()
    .slice(0, 80) || 'message';
