import type { Reply } from '../smtp/reply.ts';
import { formatDate } from './date.ts';
import { readHeader } from './header.ts';

/** What a DSN says of one recipient (RFC 3464 §2.3). */
export interface RecipientStatus {
  /** The address that delivery was tried to. */
  readonly finalRecipient: string;
  /** ORCPT as `type;address` (RFC 3461 §4.2), if the sender gave it. */
  readonly originalRecipient?: string | undefined;
  readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';
  /** The last reply; its enhanced status is the Status field. */
  readonly reply: Reply;
  /** Host name of the server that gave the reply, if another one did. */
  readonly remoteMta?: string | undefined;
  readonly lastAttemptMs?: number | undefined;
  /** Of a delay: when delivery is given up. */
  readonly retryUntilMs?: number | undefined;
}

/** What a DSN is made of. */
export interface DeliveryStatusNotice {
  /** Host name of the server that writes it. */
  readonly reportingMta: string;
  /** Where the DSN goes: the reverse-path of the message that it is about. */
  readonly to: string;
  /** Message-ID of the DSN itself, without brackets; the caller makes it unique. */
  readonly messageId: string;
  readonly nowMs: number;
  readonly arrivalMs?: number | undefined;
  /** ENVID (RFC 3461 §4.4), decoded. */
  readonly envid?: string | undefined;
  readonly recipients: readonly RecipientStatus[];
  /** The message it is about. */
  readonly original: Buffer;
  /** RET=FULL returns the whole message, else its header alone (RFC 3461 §4.3). */
  readonly returnFull?: boolean | undefined;
}

/** Of the original's header, this much is returned. */
const MAX_RETURNED_HEADER_OCTETS = 65_536;

/**
 * Composes a DSN (RFC 3464 in a multipart/report of RFC 6522), CRLF line ends, ready to be sent with the null reverse-path.
 * Octets of the original are returned as they are: the DSN is 8-bit where the original is. Throws RangeError without recipients.
 */
export function composeDeliveryStatus(notice: DeliveryStatusNotice): Buffer {
  if (notice.recipients.length === 0) throw new RangeError('a DSN reports on at least one recipient');
  const returned = returnedPart(notice);
  const said = explanation(notice);
  const fieldsForMachines = machineReadable(notice);
  // RFC 6533 §3: with addresses beyond US-ASCII, the status part has a type of its own.
  const isAscii = isSevenBit(Buffer.from(said + fieldsForMachines));
  const encoding = isAscii && isSevenBit(returned.body) ? '7bit' : '8bit';
  const boundary = unusedBoundary(notice.messageId, returned.body);
  const part = (...lines: string[]): string => `\r\n--${boundary}\r\n${lines.join('\r\n')}`;
  const head = [
    `From: Mail Delivery System <postmaster@${oneLine(notice.reportingMta)}>`,
    `To: <${oneLine(notice.to)}>`,
    `Subject: ${subjectOf(notice.recipients)}`,
    `Date: ${formatDate(notice.nowMs)}`,
    `Message-ID: <${oneLine(notice.messageId)}>`,
    // RFC 3834 §5: no robot answers an answer.
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`,
    `Content-Transfer-Encoding: ${encoding}`,
    '',
  ].join('\r\n');
  const text = part('Content-Type: text/plain; charset=utf-8', `Content-Transfer-Encoding: ${encoding}`, '', said);
  const status = part(
    `Content-Type: message/${isAscii ? 'delivery-status' : 'global-delivery-status'}`,
    `Content-Transfer-Encoding: ${isAscii ? '7bit' : '8bit'}`,
    '',
    fieldsForMachines,
  );
  const last = part(`Content-Type: ${returned.type}`, `Content-Transfer-Encoding: ${encoding}`, '', '');
  return Buffer.concat([
    Buffer.from(head + text + status + last),
    returned.body,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

function subjectOf(recipients: readonly RecipientStatus[]): string {
  if (recipients.some(({ action }) => action === 'failed')) return 'Undelivered: your message could not be delivered';
  if (recipients.some(({ action }) => action === 'delayed')) return 'Delayed: your message waits to be delivered';
  return 'Delivered: your message has arrived';
}

const MEANING: Readonly<Record<RecipientStatus['action'], string>> = {
  failed: 'could not be delivered, and will not be tried again',
  delayed: 'has not been delivered yet, and is still being tried; you need not send it again',
  delivered: 'was delivered',
  relayed: 'was passed on to a server that sends no confirmation',
  expanded: 'was delivered to the members of a list or alias',
};

function explanation({ recipients, reportingMta }: DeliveryStatusNotice): string {
  const entries = recipients.map(({ finalRecipient, action, reply }) => {
    return `<${oneLine(finalRecipient)}>: the message ${MEANING[action]}.\r\n  ${replyText(reply)}\r\n`;
  });
  return [`This is the mail system at ${oneLine(reportingMta)}.`, '', ...entries].join('\r\n');
}

/** RFC 3464 §2: the fields of the message, then a block for each recipient, an empty line between. */
function machineReadable(notice: DeliveryStatusNotice): string {
  const message = fields({
    'Original-Envelope-Id': notice.envid,
    'Reporting-MTA': `dns; ${notice.reportingMta}`,
    'Arrival-Date': dateOrNothing(notice.arrivalMs),
  });
  const recipients = notice.recipients.map((recipient) =>
    fields({
      'Original-Recipient': recipient.originalRecipient,
      // RFC 6533 §3: an address beyond US-ASCII has a type of its own.
      'Final-Recipient': `${isSevenBit(Buffer.from(recipient.finalRecipient)) ? 'rfc822' : 'utf-8'}; ${recipient.finalRecipient}`,
      Action: recipient.action,
      Status: statusOf(recipient),
      'Remote-MTA': recipient.remoteMta === undefined ? undefined : `dns; ${recipient.remoteMta}`,
      'Diagnostic-Code': `smtp; ${replyText(recipient.reply)}`,
      'Last-Attempt-Date': dateOrNothing(recipient.lastAttemptMs),
      'Will-Retry-Until': recipient.action === 'delayed' ? dateOrNothing(recipient.retryUntilMs) : undefined,
    }),
  );
  return [message, ...recipients].join('\r\n');
}

/** RFC 3464 §2.3.4: class, subject and detail; of a reply without enhanced status, its class alone is known. */
function statusOf({ reply, action }: RecipientStatus): string {
  if (/^[245]\.\d{1,3}\.\d{1,3}$/.test(reply.enhanced)) return reply.enhanced;
  if (action === 'failed') return '5.0.0';
  return action === 'delayed' ? '4.0.0' : '2.0.0';
}

function replyText(reply: Reply): string {
  return [String(reply.code), reply.enhanced, oneLine(reply.text)].filter((piece) => piece !== '').join(' ');
}

function fields(values: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(values)
    .filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '')
    .map(([name, value]) => `${name}: ${oneLine(value)}\r\n`)
    .join('');
}

function dateOrNothing(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : formatDate(ms);
}

function returnedPart({ original, returnFull }: DeliveryStatusNotice): { type: string; body: Buffer } {
  if (returnFull === true) return { type: 'message/rfc822', body: original };
  const { bodyStart } = readHeader(original, 0, Math.min(original.length, MAX_RETURNED_HEADER_OCTETS));
  return { type: 'text/rfc822-headers', body: original.subarray(0, bodyStart) };
}

/** A value from outside never starts a header field of its own, nor a line that a mail program reads as one. */
function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 900);
}

function isSevenBit(bytes: Buffer): boolean {
  return bytes.every((octet) => octet < 128);
}

/** RFC 2046 §5.1.1: the boundary stands nowhere in what it encloses. */
function unusedBoundary(messageId: string, body: Buffer): string {
  const base = `=_${messageId.replace(/[^A-Za-z0-9]/g, '').slice(0, 40)}`;
  let boundary = base;
  for (let n = 0; body.includes(boundary); n++) boundary = `${base}_${n}`;
  return boundary;
}
