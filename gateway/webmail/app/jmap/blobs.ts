import { RequestFailed } from './http.ts';
import { currentAccount } from './request.ts';

/** Where a blob is downloaded from; always as an attachment, never shown by the browser as a page. */
export function downloadUrl(blobId: string, name: string, type = 'application/octet-stream'): string {
  // A slash would end the path's last part.
  const file = encodeURIComponent(name.replaceAll('/', '_') || 'file');
  return `/jmap/download/${encodeURIComponent(currentAccount())}/${encodeURIComponent(blobId)}/${file}?type=${encodeURIComponent(type)}`;
}

export interface UploadedBlob {
  readonly blobId: string;
  readonly type: string;
  readonly size: number;
}

/** Uploads a file, telling how much is done (0 to 1). Rejects with RequestFailed, or with an AbortError. */
export function uploadBlob(
  file: Blob,
  options: { onProgress?: (done: number) => void; signal?: AbortSignal } = {},
): Promise<UploadedBlob> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/jmap/upload/${encodeURIComponent(currentAccount())}`);
    request.setRequestHeader('content-type', file.type || 'application/octet-stream');
    request.responseType = 'json';
    request.upload.onprogress = ({ loaded, total }) => options.onProgress?.(total > 0 ? loaded / total : 0);
    request.onload = () => {
      if (request.status === 201) resolve(request.response as UploadedBlob);
      else reject(new RequestFailed(request.status, (request.response as { detail?: string } | null)?.detail ?? ''));
    };
    request.onerror = () => reject(new RequestFailed(0, 'no answer'));
    request.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    options.signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
}

/** The text of a whole message. @throws RequestFailed */
export async function readSource(blobId: string): Promise<string> {
  const answer = await fetch(downloadUrl(blobId, 'message.eml', 'message/rfc822'), { credentials: 'same-origin' });
  if (!answer.ok) throw new RequestFailed(answer.status, answer.statusText);
  return new TextDecoder().decode(await answer.arrayBuffer());
}
