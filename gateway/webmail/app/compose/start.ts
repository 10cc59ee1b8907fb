import { formatDate, t } from '../i18n/i18n.ts';
import { downloadUrl } from '../jmap/blobs.ts';
import type { Address, BodyPart, EmailBody, EmailHead } from '../jmap/types.ts';
import type { ComposeStart } from '../state/compose.ts';
import { loadBody, loadThreadOf } from '../state/emails.ts';
import { type Identity, identities, loadIdentities } from '../state/identities.ts';
import { preferences } from '../state/preferences.ts';
import { readAddresses, showAddress } from './addresses.ts';
import { cleanForEditor, htmlForMail } from './editor-html.ts';
import { escapeHtml, htmlOfText, quoted, textOfNode } from './plain-text.ts';
import { forwardSubject, replyRecipients, replySubject, threading } from './reply.ts';

/** A message as its writer finds it. */
export interface FirstDraft {
  readonly identity: Identity;
  readonly to: readonly Address[];
  readonly cc: readonly Address[];
  readonly bcc: readonly Address[];
  readonly subject: string;
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  readonly richText: boolean;
  /** Of others' making: it is cleaned when it is put into the editor. */
  readonly html: string;
  readonly text: string;
  readonly parts: readonly BodyPart[];
  /** The email that is answered or passed on, and how it is marked then. */
  readonly origin: { readonly id: string; readonly keyword: '$answered' | '$forwarded' } | undefined;
  /** The draft that this one continues. */
  readonly savedId: string | undefined;
  /** Whether remote pictures of the original are fetched. */
  readonly remote: boolean;
}

/** @throws RequestFailed, MethodFailed, or an Error when the email is gone */
export async function beginDraft(start: ComposeStart): Promise<FirstDraft> {
  const own = identities.value.length > 0 ? identities.value : await loadIdentities();
  const [first] = own;
  if (first === undefined) throw new Error('no identity');
  if (start.kind === 'new') return newMessage(start, first);
  const [head, body] = await Promise.all([loadThreadOf(start.emailId), loadBody(start.emailId)]);
  if (head === undefined || body === undefined) throw new Error(t('message.gone'));
  if (start.kind === 'draft') return continued(head, body, own, first);
  if (start.kind === 'forward' || start.kind === 'forward-attached')
    return forwarded(start.kind, head, body, own, first);
  return answered(start.kind, head, body, own, first);
}

function newMessage(start: Extract<ComposeStart, { kind: 'new' }>, identity: Identity): FirstDraft {
  const text = start.body ?? '';
  return {
    identity,
    to: readAddresses(start.to ?? ''),
    cc: readAddresses(start.cc ?? ''),
    bcc: identity.bcc ?? [],
    subject: start.subject ?? '',
    inReplyTo: [],
    references: [],
    richText: preferences.value.richText,
    html: `${text === '' ? EMPTY_LINE : htmlOfText(text)}${htmlSignature(identity)}`,
    text: `${text}${textSignature(identity)}`,
    parts: [],
    origin: undefined,
    savedId: undefined,
    remote: false,
  };
}

const EMPTY_LINE = '<div><br></div>';

/** Of an identity, apart from the text by the line that programs know (RFC 3676 §4.3). */
export function textSignature({ textSignature: text, htmlSignature: html }: Identity): string {
  const own = text !== '' ? text : html === '' ? '' : textOfNode(cleanForEditor(html));
  return own === '' ? '' : `\n\n-- \n${own}`;
}

export function htmlSignature({ textSignature: text, htmlSignature: html }: Identity): string {
  const own = html !== '' ? html : text === '' ? '' : htmlOfText(text);
  return own === '' ? '' : `${EMPTY_LINE}<div data-signature="1"><div>-- </div>${own}</div>`;
}

/** The identity that was written to, else the first. */
function addressed(own: readonly Identity[], head: EmailHead, body: EmailBody, first: Identity): Identity {
  const named = [...(head.to ?? []), ...(body.cc ?? []), ...(body.bcc ?? []), ...(head.from ?? [])];
  for (const { email } of named) {
    const found = own.find((each) => each.email.toLowerCase() === email.toLowerCase());
    if (found !== undefined) return found;
  }
  return first;
}

function answered(
  kind: 'reply' | 'reply-all',
  head: EmailHead,
  body: EmailBody,
  own: readonly Identity[],
  first: Identity,
): FirstDraft {
  const identity = addressed(own, head, body, first);
  const { to, cc } = replyRecipients(
    kind,
    head,
    body,
    own.map(({ email }) => email),
  );
  const original = readOriginal(head, body);
  const sender = head.from?.[0];
  const line = t('compose.wrote', {
    date: formatDate(body.sentAt ?? head.receivedAt),
    name: sender === undefined ? '?' : showAddress(sender),
  });
  const quote = `<div>${escapeHtml(line)}</div><blockquote type="cite">${original.html}</blockquote>`;
  return {
    identity,
    to,
    cc,
    bcc: identity.bcc ?? [],
    subject: replySubject(head.subject),
    ...threading(body),
    richText: preferences.value.richText,
    html: `${EMPTY_LINE}${htmlSignature(identity)}${EMPTY_LINE}${quote}`,
    text: `${textSignature(identity)}\n\n${line}\n${quoted(original.text)}`,
    parts: original.pictures,
    origin: { id: head.id, keyword: '$answered' },
    savedId: undefined,
    remote: original.remote,
  };
}

function forwarded(
  kind: 'forward' | 'forward-attached',
  head: EmailHead,
  body: EmailBody,
  own: readonly Identity[],
  first: Identity,
): FirstDraft {
  const identity = addressed(own, head, body, first);
  const list = (all: readonly Address[] | null): string => (all ?? []).map(showAddress).join(', ');
  const fields = [
    [t('message.from'), list(head.from)],
    [t('message.date'), formatDate(body.sentAt ?? head.receivedAt)],
    [t('compose.subject'), head.subject ?? ''],
    [t('message.toField'), list(head.to)],
    [t('message.cc'), list(body.cc)],
  ].filter(([, value]) => value !== '');
  const title = `---------- ${t('compose.forwarded')} ----------`;
  const original = readOriginal(head, body);
  const top = `${escapeHtml(title)}<br>${fields.map(([name, value]) => `<b>${escapeHtml(name ?? '')}:</b> ${escapeHtml(value ?? '')}`).join('<br>')}`;
  const file: BodyPart = {
    partId: null,
    blobId: head.blobId,
    size: head.size,
    name: `${(head.subject ?? 'message').replaceAll(/[/\\:*?"<>|\p{Cc}]+/gu, '_').slice(0, 80)}.eml`,
    type: 'message/rfc822',
    charset: null,
    disposition: 'attachment',
    cid: null,
  };
  const whole = kind === 'forward-attached';
  return {
    identity,
    to: [],
    cc: [],
    bcc: identity.bcc ?? [],
    subject: forwardSubject(head.subject),
    inReplyTo: [],
    references: threading(body).references,
    richText: preferences.value.richText,
    html: `${EMPTY_LINE}${htmlSignature(identity)}${whole ? '' : `${EMPTY_LINE}<div>${top}</div>${EMPTY_LINE}<div>${original.html}</div>`}`,
    text: `${textSignature(identity)}${whole ? '' : `\n\n${title}\n${fields.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${original.text}`}`,
    parts: whole ? [file] : [...original.pictures, ...original.files],
    origin: { id: head.id, keyword: '$forwarded' },
    savedId: undefined,
    remote: original.remote,
  };
}

function continued(head: EmailHead, body: EmailBody, own: readonly Identity[], first: Identity): FirstDraft {
  const from = head.from?.[0]?.email.toLowerCase();
  const original = readOriginal(head, body);
  return {
    identity: own.find(({ email }) => email.toLowerCase() === from) ?? first,
    to: head.to ?? [],
    cc: body.cc ?? [],
    bcc: body.bcc ?? [],
    subject: head.subject ?? '',
    inReplyTo: body.inReplyTo ?? [],
    references: body.references ?? [],
    richText: body.htmlBody.some(({ type }) => type === 'text/html'),
    html: original.html,
    text: original.text,
    parts: [...original.pictures, ...original.files],
    origin: undefined,
    savedId: head.id,
    remote: original.remote,
  };
}

interface Original {
  readonly html: string;
  readonly text: string;
  /** Parts that the HTML shows. */
  readonly pictures: readonly BodyPart[];
  readonly files: readonly BodyPart[];
  readonly remote: boolean;
}

function readOriginal(head: EmailHead, body: EmailBody): Original {
  const value = ({ partId }: BodyPart): string => body.bodyValues[partId ?? '']?.value ?? '';
  const raw = body.htmlBody
    .filter(({ type }) => /^text\//.test(type))
    .map((part) => (part.type === 'text/html' ? value(part) : htmlOfText(value(part))))
    .join('<hr>');
  // Pictures among the texts are part of the body (RFC 8621 §4.1.4), whether the HTML names them or not.
  const parts = [...body.attachments, ...body.htmlBody.filter(({ type }) => !/^text\//.test(type))].filter(
    ({ blobId }, n, all) => all.findIndex((each) => each.blobId === blobId) === n,
  );
  const fragment = cleanForEditor(raw, { ofCid: (cid) => imageAddress(parts, cid) });
  const holder = document.createElement('div');
  holder.append(fragment);
  const written = htmlForMail(holder);
  const texts = body.textBody.filter(({ type }) => /^text\//.test(type));
  const text = texts.every(({ type }) => type !== 'text/html')
    ? texts.map(value).join('\n\n').replaceAll('\r\n', '\n').trimEnd()
    : textOfNode(holder);
  const pictures = parts.filter(({ cid }) => cid !== null && written.cids.includes(cid));
  const sender = head.from?.[0]?.email.toLowerCase() ?? '';
  return {
    html: written.html,
    text,
    pictures,
    files: parts.filter((part) => !pictures.includes(part)),
    remote: preferences.value.trustedSenders.includes(sender),
  };
}

interface PictureSource {
  readonly blobId: string | null | undefined;
  readonly cid: string | null | undefined;
  readonly type: string;
  readonly name: string | null;
}

/** Where the picture of a Content-ID is fetched from; only what a browser shows as a picture. */
export function imageAddress(parts: readonly PictureSource[], cid: string) {
  const part = parts.find((each) => each.cid === cid);
  if (part?.blobId == null || !/^image\/(?:png|jpeg|gif|webp|avif|bmp)$/i.test(part.type)) return undefined;
  return downloadUrl(part.blobId, part.name ?? 'image', part.type);
}
