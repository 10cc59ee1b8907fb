import { Icon } from '../components/icon.tsx';
import { formatSize, t, tn } from '../i18n/i18n.ts';
import { downloadUrl } from '../jmap/blobs.ts';
import type { BodyPart } from '../jmap/types.ts';

const THUMBNAIL = /^image\/(?:png|jpe?g|gif|webp|avif)$/i;
const MAX_THUMBNAIL_BYTES = 4_000_000;

/** What came with the message: downloaded, never opened in the page. */
export function Attachments({ parts }: { readonly parts: readonly BodyPart[] }) {
  if (parts.length === 0) return null;
  return (
    <section class="attachments" aria-label={tn('message.attachments', parts.length)}>
      <h4 class="quiet">{tn('message.attachments', parts.length)}</h4>
      <ul class="plain-list attachment-list">
        {parts.map((part) => (
          <li key={part.blobId}>
            <Attachment part={part} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Attachment({ part: { blobId, name, type, size } }: { readonly part: BodyPart }) {
  const shown = name?.trim() || (type === 'message/rfc822' ? 'message.eml' : t('message.unnamed'));
  const url = downloadUrl(blobId ?? '', shown, type);
  return (
    <a class="attachment" href={url} download={shown} aria-label={t('message.download', { name: shown })} title={shown}>
      {THUMBNAIL.test(type) && size < MAX_THUMBNAIL_BYTES ? (
        <img src={url} alt="" loading="lazy" />
      ) : (
        <span class="attachment-kind">{kindOf(shown, type)}</span>
      )}
      <span class="attachment-words">
        <span class="attachment-name">{shown}</span>
        <span class="quiet">{formatSize(size)}</span>
      </span>
      <Icon name="download" size={16} />
    </a>
  );
}

function kindOf(name: string, type: string): string {
  const ending = /\.([a-z0-9]{1,4})$/i.exec(name)?.[1];
  return (ending ?? type.split('/')[0] ?? '').toUpperCase().slice(0, 4);
}
