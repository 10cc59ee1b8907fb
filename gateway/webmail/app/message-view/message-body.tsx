import { useMemo } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import { downloadUrl } from '../jmap/blobs.ts';
import type { BodyPart, EmailBody, EmailHead } from '../jmap/types.ts';
import { failed } from '../state/failed.ts';
import { changePreferences, isDark, preferences } from '../state/preferences.ts';
import { MessageFrame } from './message-frame.tsx';
import { PlainTextView } from './plain-text-view.tsx';
import { sanitise } from './sanitise.ts';

const RASTER = /^image\/(?:png|jpe?g|gif|webp|bmp|avif)$/i;
const isRaster = ({ type }: BodyPart): boolean => RASTER.test(type);

export const hasHtml = ({ htmlBody }: EmailBody): boolean => htmlBody.some(({ type }) => type === 'text/html');

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The HTML of all parts that are to be shown, in their order. */
function htmlOf(body: EmailBody): string {
  return body.htmlBody
    .map((part) => {
      const value = body.bodyValues[part.partId ?? '']?.value ?? '';
      if (part.type === 'text/html') return value;
      return part.type.startsWith('text/') ? `<pre>${escapeHtml(value)}</pre>` : '';
    })
    .join('\n');
}

export function MessageBody(props: {
  readonly email: EmailHead;
  readonly body: EmailBody;
  readonly asText: boolean;
  readonly originalColours: boolean;
  readonly remoteAllowed: boolean;
  readonly onAllowRemote: () => void;
}) {
  const { email, body, asText } = props;
  const sender = email.from?.[0];
  const address = sender?.email.toLowerCase() ?? '';
  const remote = props.remoteAllowed || preferences.value.trustedSenders.includes(address);
  const shownAsHtml = hasHtml(body) && !asText;
  const message = useMemo(
    () => (shownAsHtml ? sanitise(htmlOf(body), { remote, inlinePart: (cid) => inlineUrl(body, cid) }) : undefined),
    [body, shownAsHtml, remote],
  );
  const truncated = Object.values(body.bodyValues).some(({ isTruncated }) => isTruncated);
  return (
    <>
      {message !== undefined && message.blocked > 0 && !remote && (
        <div class="remote-notice" role="note">
          <span>{t('message.remoteBlocked')}</span>
          <span class="remote-buttons">
            <button type="button" class="link-button" onClick={props.onAllowRemote}>
              {t('message.remoteShow')}
            </button>
            {address !== '' && (
              <button
                type="button"
                class="link-button"
                onClick={() => {
                  const trustedSenders = [...preferences.peek().trustedSenders, address];
                  changePreferences({ trustedSenders }).catch(failed);
                }}
              >
                {t('message.remoteAlways', { address })}
              </button>
            )}
          </span>
        </div>
      )}
      {message === undefined ? (
        <TextParts body={body} />
      ) : (
        <MessageFrame
          message={message}
          title={t('message.body', { name: sender?.name ?? sender?.email ?? '' })}
          remote={remote}
          dark={isDark.value && !props.originalColours}
        />
      )}
      <InlinePictures
        parts={
          message === undefined ? body.textBody.filter(isRaster) : body.htmlBody.filter((part) => isLoose(body, part))
        }
      />
      {truncated && <p class="quiet">{t('message.truncated')}</p>}
    </>
  );
}

function TextParts({ body }: { readonly body: EmailBody }) {
  const texts = body.textBody
    .filter(({ type }) => type.startsWith('text/'))
    .map((part) => textOf(part, body.bodyValues[part.partId ?? '']?.value ?? ''))
    .filter((text) => text.trim() !== '');
  if (texts.length === 0) return <p class="quiet">{t('message.empty')}</p>;
  return (
    <>
      {texts.map((text, n) => (
        <PlainTextView key={n} text={text} />
      ))}
    </>
  );
}

/** A message that has HTML alone may be wanted as text: its words, read by a parser that loads and runs nothing. */
function textOf({ type }: BodyPart, value: string): string {
  if (type !== 'text/html') return value;
  const { markup } = sanitise(value, { remote: false, inlinePart: () => undefined });
  return markup
    .replace(/<style[^>]*>[\s\S]*?<\/style>/gi, '')
    .replace(/<(?:br|\/p|\/div|\/tr|\/li|\/h\d)[^>]*>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&nbsp;/g, ' ')
    .replace(/&amp;/g, '&')
    .replace(/\n\s*\n\s*\n+/g, '\n\n');
}

function InlinePictures({ parts }: { readonly parts: readonly BodyPart[] }) {
  return (
    <>
      {parts.map(({ blobId, name, type }) => (
        <img
          key={blobId}
          class="inline-picture"
          src={downloadUrl(blobId ?? '', name ?? 'picture', type)}
          alt={name ?? ''}
        />
      ))}
    </>
  );
}

/** Whether a picture stands among the texts without being shown by them. */
const isLoose = (body: EmailBody, part: BodyPart): boolean =>
  isRaster(part) && (part.cid === null || !htmlOf(body).includes(`cid:${part.cid}`));

/** Where a part that the message names by its Content-ID is downloaded from (RFC 2392); pictures alone. */
function inlineUrl(body: EmailBody, contentId: string): string | undefined {
  const part = [...body.attachments, ...body.htmlBody].find(({ cid }) => cid === contentId);
  if (part?.blobId == null || !isRaster(part)) return undefined;
  return location.origin + downloadUrl(part.blobId, part.name ?? 'picture', part.type);
}

/** Attachments that the text does not show itself. */
export function listedAttachments(body: EmailBody): readonly BodyPart[] {
  const html = hasHtml(body) ? htmlOf(body) : '';
  return body.attachments.filter(
    (part) =>
      !(part.cid !== null && part.disposition !== 'attachment' && isRaster(part) && html.includes(`cid:${part.cid}`)),
  );
}
