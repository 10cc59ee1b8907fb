import { formatDate } from '@postern/shared/message/date.ts';
import { readHeader } from '@postern/shared/message/header.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import type { RejectAction } from '../../sieve/run.ts';
import { oneLine, textBody } from './composed-message.ts';

/** RFC 5429 §2.1.1: what is said in place of a text that SMTP cannot carry. */
const WITHOUT_TEXT = "The recipient's mail filter has refused the message";
const MAX_TEXT = 400;
const ASCII = /^[\x09\x0a\x0d\x20-\x7e]*$/;

/** The final reply to the recipient (RFC 5429 §2.5). */
export function rejectionReply({ reason }: RejectAction): Reply {
  const text = ASCII.test(reason) ? oneLine(reason).slice(0, MAX_TEXT) : '';
  return reply(550, '5.7.1', text === '' ? WITHOUT_TEXT : text);
}

/** RFC 5429 §2.2: `reject` keeps its text exact; what a reply cannot carry goes in an MDN, if its sender is known. */
export function wantsNotification({ how, reason }: RejectAction): boolean {
  return how === 'reject' && (!ASCII.test(reason) || reason.length > MAX_TEXT);
}

export interface RejectionContext {
  readonly hostname: string;
  readonly owner: string;
  readonly reversePath: string;
  readonly originalMessageId: string | undefined;
  readonly original: Buffer;
  readonly receivedAt: Date;
  readonly messageId: string;
}

/** The MDN of a refused message (RFC 8098 §3, RFC 5429 §2.2.1). */
export function rejectionNotice({ reason }: RejectAction, context: RejectionContext): Buffer {
  const { hostname, owner, reversePath, receivedAt, messageId, original } = context;
  const boundary = `=_${messageId.replace(/[^A-Za-z0-9]/g, '').slice(0, 40)}`;
  const said = textBody(
    `Your message was refused by the recipient's mail filter.\n\nThe reason given was:\n\n${reason}`,
  );
  const { bodyStart } = readHeader(original, 0, Math.min(original.length, 65_536));
  const head = [
    `From: <${owner}>`,
    `To: <${reversePath}>`,
    'Subject: Refused: your message was not accepted',
    `Date: ${formatDate(receivedAt.getTime(), -receivedAt.getTimezoneOffset())}`,
    `Message-ID: <${messageId}>`,
    'Auto-Submitted: auto-replied (rejected)',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=disposition-notification;\r\n boundary="${boundary}"`,
    '',
    '',
  ].join('\r\n');
  const fields = [
    `Reporting-UA: ${hostname}; Postern`,
    `Final-Recipient: rfc822; ${owner}`,
    ...(context.originalMessageId === undefined ? [] : [`Original-Message-ID: ${oneLine(context.originalMessageId)}`]),
    'Disposition: automatic-action/MDN-sent-automatically; deleted',
  ].join('\r\n');
  return Buffer.concat([
    Buffer.from(
      `${head}--${boundary}\r\n${said.fields}\r\n${said.content}\r\n--${boundary}\r\n` +
        `Content-Type: message/disposition-notification\r\n\r\n${fields}\r\n\r\n--${boundary}\r\n` +
        'Content-Type: text/rfc822-headers\r\n\r\n',
    ),
    original.subarray(0, bodyStart),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}
