import { IconButton } from '../components/button.tsx';
import { Icon } from '../components/icon.tsx';
import { formatSize, t } from '../i18n/i18n.ts';
import type { Attachment, Attachments } from './attachments.ts';

/** The files, with how far they have come up. Pictures of the text stand there. */
export function AttachmentList({ attachments }: { readonly attachments: Attachments }) {
  const files = attachments.list.value.filter(({ cid, problem }) => cid === undefined || problem !== undefined);
  if (files.length === 0) return null;
  return (
    <ul class="plain-list compose-files" aria-label={t('compose.files')}>
      {files.map((file) => (
        <li key={file.key} class={`compose-file${file.problem === undefined ? '' : ' compose-file-wrong'}`}>
          <Icon name="clip" size={16} />
          <span class="compose-file-name">{file.name || t('message.unnamed')}</span>
          <Progress file={file} />
          <IconButton
            icon="close"
            label={t(
              file.blobId === undefined && file.problem === undefined ? 'compose.cancelUpload' : 'compose.removeFile',
              {
                name: file.name,
              },
            )}
            onClick={() => attachments.remove(file.key)}
          />
        </li>
      ))}
    </ul>
  );
}

function Progress({ file }: { readonly file: Attachment }) {
  if (file.problem !== undefined) {
    return (
      <span class="problem" role="alert">
        {t(file.problem === 'too-large' ? 'compose.fileTooLarge' : 'compose.fileFailed')}
      </span>
    );
  }
  if (file.blobId !== undefined) return <span class="quiet">{formatSize(file.size)}</span>;
  return (
    <progress
      class="compose-progress"
      max={1}
      value={file.done}
      aria-label={t('compose.uploading', { name: file.name })}
    />
  );
}
