import { type Mailbox, mailboxesOf, parseAddressList } from './address.ts';
import { formatDate } from './date.ts';
import { fieldValue, findField, hasName, readHeader } from './header.ts';

/** What the header of a submitted message says, as far as it is judged. */
export interface SubmittedHeader {
  /** Addresses of From; empty when there is none that can be read. */
  readonly authors: readonly string[];
  readonly messageId: string | undefined;
  /** Received fields: how many hops it has behind it. */
  readonly hops: number;
  /** Recipients that To, Cc and Bcc name. */
  readonly recipients: readonly string[];
}

const RECIPIENT_FIELDS = ['to', 'cc', 'bcc'];
/** Fields that tell whom nobody shall know (RFC 5322 §3.6.3, §3.6.6). */
const SECRET_FIELDS = ['bcc', 'resent-bcc'];

export function readSubmittedHeader(message: Buffer): SubmittedHeader {
  const { fields } = readHeader(message, 0, message.length);
  const addressesIn = (name: string): string[] =>
    fields
      .filter((field) => hasName(message, field, name))
      .flatMap((field) => mailboxesOf(parseAddressList(utf8(fieldValue(message, field)))))
      .map(addressOf);
  const messageId = findField(message, fields, 'message-id');
  return {
    authors: addressesIn('from'),
    messageId: messageId === undefined ? undefined : fieldValue(message, messageId, 998),
    hops: fields.filter((field) => hasName(message, field, 'received')).length,
    recipients: RECIPIENT_FIELDS.flatMap(addressesIn).filter((address) => /.@./.test(address)),
  };
}

export interface Completion {
  /** Received field of this hop. */
  readonly trace: string;
  /** For a message without Message-ID, brackets included. */
  readonly messageId: string;
  readonly nowMs: number;
}

/**
 * RFC 6409 §8: the message as it goes on. Bcc is taken away, Date and Message-ID are added where they are missing, and the trace is put
 * before it; every other octet stays what and where it was.
 */
export function completeMessage(message: Buffer, { trace, messageId, nowMs }: Completion): Buffer {
  const { fields } = readHeader(message, 0, message.length);
  let head = trace;
  if (findField(message, fields, 'date') === undefined) head += `Date: ${formatDate(nowMs)}\r\n`;
  if (findField(message, fields, 'message-id') === undefined) head += `Message-ID: ${messageId}\r\n`;
  const pieces: Buffer[] = [Buffer.from(head)];
  let kept = 0;
  for (const field of fields) {
    if (!SECRET_FIELDS.some((name) => hasName(message, field, name))) continue;
    pieces.push(message.subarray(kept, field.start));
    kept = field.end;
  }
  pieces.push(message.subarray(kept));
  return Buffer.concat(pieces);
}

function addressOf({ localPart, domain }: Mailbox): string {
  return domain === '' ? localPart : `${localPart}@${domain}`;
}

/** Header values are byte strings; addresses beyond US-ASCII are UTF-8 (RFC 6532 §3). */
function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** A Message-ID for a message that has none: of its author's domain, for the name of a host inside is nobody's business outside. */
export function messageIdFor(id: string, senders: readonly (string | undefined)[], hostname: string): string {
  const domain = senders.map(domainOf).find((each) => each !== undefined);
  return `<${id}@${domain ?? hostname}>`;
}

function domainOf(address = ''): string | undefined {
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
  // RFC 5322 §3.6.4: the right side of an id is a dot-atom; a literal address is no name.
  return address.includes('@') && /^[a-z0-9.-]+$/.test(domain) ? domain : undefined;
}
