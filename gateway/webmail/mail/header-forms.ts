import { type Address, type Mailbox, mailboxesOf, parseAddressList } from '@postern/shared/message/address.ts';
import { decodeByteString } from '@postern/shared/message/charset.ts';
import { parseDate } from '@postern/shared/message/date.ts';
import { decodeEncodedWords } from '@postern/shared/message/encoded-word.ts';
import { fieldName, fieldValue, readHeader } from '@postern/shared/message/header.ts';

/** One header field: its name, and the octets after its colon as a byte string. */
export interface HeaderField {
  readonly name: string;
  readonly raw: string;
  /** Unfolded, without blanks around. */
  readonly value: string;
}

export interface EmailAddress {
  readonly name: string | null;
  readonly email: string;
}

export const HEADER_FORMS = ['Raw', 'Text', 'Addresses', 'GroupedAddresses', 'MessageIds', 'Date', 'URLs'] as const;
export type HeaderForm = (typeof HEADER_FORMS)[number];

/** `header:NAME:asFORM:all` (RFC 8621 §4.1.3). */
export interface HeaderProperty {
  readonly property: string;
  /** In lower case. */
  readonly name: string;
  readonly form: HeaderForm;
  readonly all: boolean;
}

const ADDRESS_FIELDS = [
  ...['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'],
  ...['resent-from', 'resent-sender', 'resent-reply-to', 'resent-to', 'resent-cc', 'resent-bcc'],
];
/** RFC 8621 §4.1.2: fields that RFC 5322 or RFC 2369 define, with the forms in which they may be asked for. */
const FORMS_OF: ReadonlyMap<string, readonly HeaderForm[]> = new Map<string, readonly HeaderForm[]>([
  ...ADDRESS_FIELDS.map((name) => [name, ['Addresses', 'GroupedAddresses']] as const),
  ...['subject', 'comments', 'keywords', 'list-id'].map((name) => [name, ['Text']] as const),
  ...['message-id', 'in-reply-to', 'references', 'resent-message-id'].map((name) => [name, ['MessageIds']] as const),
  ...['date', 'resent-date'].map((name) => [name, ['Date']] as const),
  ...['list-help', 'list-unsubscribe', 'list-subscribe', 'list-post', 'list-owner', 'list-archive'].map(
    (name) => [name, ['URLs']] as const,
  ),
  ...['return-path', 'received'].map((name) => [name, []] as const),
]);

/** The convenience properties of RFC 8621 §4.1.3. */
export const HEADER_SHORTHANDS: ReadonlyMap<string, string> = new Map([
  ['messageId', 'header:Message-ID:asMessageIds'],
  ['inReplyTo', 'header:In-Reply-To:asMessageIds'],
  ['references', 'header:References:asMessageIds'],
  ['sender', 'header:Sender:asAddresses'],
  ['from', 'header:From:asAddresses'],
  ['to', 'header:To:asAddresses'],
  ['cc', 'header:Cc:asAddresses'],
  ['bcc', 'header:Bcc:asAddresses'],
  ['replyTo', 'header:Reply-To:asAddresses'],
  ['subject', 'header:Subject:asText'],
  ['sentAt', 'header:Date:asDate'],
]);

/** Undefined for what is no header property, or a form that the field does not have. */
export function readHeaderProperty(property: string): HeaderProperty | undefined {
  const text = HEADER_SHORTHANDS.get(property) ?? property;
  const match = /^header:([\x21-\x39\x3b-\x7e]{1,200})(?::as([A-Za-z]+))?(:all)?$/.exec(text);
  if (match === null) return undefined;
  const name = (match[1] ?? '').toLowerCase();
  const form = HEADER_FORMS.find((each) => each === (match[2] ?? 'Raw'));
  if (form === undefined) return undefined;
  const allowed = FORMS_OF.get(name);
  if (form !== 'Raw' && allowed !== undefined && !allowed.includes(form)) return undefined;
  return { property, name, form, all: match[3] !== undefined };
}

/** The fields of a header, in their order. */
export function readFields(bytes: Buffer): HeaderField[] {
  return readHeader(bytes, 0, bytes.length).fields.map((field) => ({
    name: fieldName(bytes, field),
    raw: bytes.toString('latin1', field.valueStart, field.end).replace(/\r?\n$/, ''),
    value: fieldValue(bytes, field),
  }));
}

export function fieldsNamed(fields: readonly HeaderField[], lowerCaseName: string): HeaderField[] {
  return fields.filter(({ name }) => name.toLowerCase() === lowerCaseName);
}

/** The value of a header property: of the last field of this name, or of all. */
export function headerPropertyValue(fields: readonly HeaderField[], { name, form, all }: HeaderProperty): unknown {
  const values = fieldsNamed(fields, name).map((field) => inForm(field, form));
  return all ? values : (values.at(-1) ?? null);
}

export function inForm(field: HeaderField, form: HeaderForm): unknown {
  switch (form) {
    case 'Raw':
      return rawText(field.raw);
    case 'Text':
      return textForm(field.value);
    case 'Addresses':
      return addressesForm(field.value);
    case 'GroupedAddresses':
      return groupedForm(parseAddressList(field.value));
    case 'MessageIds':
      return messageIdsForm(field.value);
    case 'Date':
      return dateForm(field.value);
    case 'URLs':
      return urlsForm(field.value);
  }
}

/** RFC 8621 §4.1.2.1: what is not UTF-8 is replaced, NUL dropped. */
export function rawText(octets: string): string {
  return Buffer.from(octets, 'latin1').toString('utf8').replaceAll('\0', '');
}

/** RFC 8621 §4.1.2.2. */
export function textForm(value: string): string {
  return decodeEncodedWords(value)
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '')
    .replace(/^ +/, '')
    .normalize('NFC');
}

/** RFC 8621 §4.1.2.3: groups and comments are dropped. */
export function addressesForm(value: string): EmailAddress[] {
  return mailboxesOf(parseAddressList(value)).map(emailAddress);
}

function emailAddress({ name, localPart, domain }: Mailbox): EmailAddress {
  const text = name === undefined ? '' : textForm(name).trim();
  const local = decodeByteString(localPart);
  return { name: text === '' ? null : text, email: domain === '' ? local : `${local}@${decodeByteString(domain)}` };
}

/** RFC 8621 §4.1.2.4: addresses that follow each other outside a group are gathered. */
function groupedForm(addresses: readonly Address[]): { name: string | null; addresses: EmailAddress[] }[] {
  const groups: { name: string | null; addresses: EmailAddress[] }[] = [];
  for (const address of addresses) {
    if (address.kind === 'group') {
      groups.push({ name: textForm(address.name), addresses: address.members.map(emailAddress) });
      continue;
    }
    const last = groups.at(-1);
    if (last !== undefined && last.name === null) last.addresses.push(emailAddress(address));
    else groups.push({ name: null, addresses: [emailAddress(address)] });
  }
  return groups;
}

/** RFC 8621 §4.1.2.5. */
function messageIdsForm(value: string): string[] | null {
  const ids = [...value.matchAll(/<([^<>\s]+)>/g)].map((match) => decodeByteString(match[1] ?? ''));
  return ids.length > 0 ? ids : null;
}

/** RFC 8620 §1.4: RFC 3339, in the zone that it was written in. */
function dateForm(value: string): string | null {
  const date = parseDate(value);
  if (date === undefined) return null;
  const { ms, zoneMinutes } = date;
  const local = new Date(ms + zoneMinutes * 60_000).toISOString().slice(0, 19);
  if (zoneMinutes === 0) return `${local}Z`;
  const minutes = Math.abs(zoneMinutes);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${local}${zoneMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** RFC 8621 §4.1.2.7, RFC 2369 §2. */
function urlsForm(value: string): string[] | null {
  const urls = [...value.replace(/\([^()]*\)/g, '').matchAll(/<\s*([^<>]+?)\s*>/g)].map((match) =>
    (match[1] ?? '').replace(/\s+/g, ''),
  );
  return urls.length > 0 ? urls : null;
}
