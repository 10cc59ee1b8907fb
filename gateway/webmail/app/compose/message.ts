import type { Address } from '../jmap/types.ts';
import type { Attachment } from './attachments.ts';

/** What is written, at one moment. */
export interface WrittenMessage {
  readonly from: Address;
  readonly replyTo: readonly Address[] | null;
  readonly to: readonly Address[];
  readonly cc: readonly Address[];
  readonly bcc: readonly Address[];
  readonly subject: string;
  readonly text: string;
  /** Undefined for a message of plain text alone. */
  readonly html: string | undefined;
  readonly attachments: readonly Attachment[];
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
}

/** RFC 8621 §4.6: the Email to be created in a mailbox, as a draft. Files that are not there yet are left out. */
export function emailOf(message: WrittenMessage, draftsId: string): Readonly<Record<string, unknown>> {
  const { from, replyTo, to, cc, bcc, subject, text, html, inReplyTo, references } = message;
  const attachments = message.attachments.flatMap(({ blobId, name, type, cid }) =>
    blobId === undefined
      ? []
      : [
          {
            blobId,
            type,
            ...(name === '' ? {} : { name }),
            disposition: cid === undefined ? 'attachment' : 'inline',
            ...(cid === undefined ? {} : { cid }),
          },
        ],
  );
  const some = <K extends string>(name: K, list: readonly unknown[] | null) =>
    list === null || list.length === 0 ? {} : { [name]: list };
  return {
    mailboxIds: { [draftsId]: true },
    keywords: { $draft: true, $seen: true },
    from: [from],
    ...some('replyTo', replyTo),
    ...some('to', to),
    ...some('cc', cc),
    ...some('bcc', bcc),
    subject,
    ...some('inReplyTo', inReplyTo),
    ...some('references', references),
    textBody: [{ partId: 'text', type: 'text/plain' }],
    ...(html === undefined ? {} : { htmlBody: [{ partId: 'html', type: 'text/html' }] }),
    bodyValues: {
      text: { value: text },
      ...(html === undefined ? {} : { html: { value: `<!DOCTYPE html><html><body>${html}</body></html>` } }),
    },
    ...some('attachments', attachments),
  };
}
