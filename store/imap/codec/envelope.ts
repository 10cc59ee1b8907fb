import { type Address, type Mailbox, parseAddressList } from '@postern/shared/message/address.ts';
import { type FieldRange, fieldValue, hasName, headerValue } from '@postern/shared/message/header.ts';
import type { ScannedMessage } from '@postern/shared/message/mime-part.ts';
import { wireNString, wireString } from './wire-string.ts';

/** The ENVELOPE of a message as it goes over the wire, parentheses included (RFC 3501 §7.4.2, RFC 9051 §7.5.2). */
export function renderEnvelope(scan: ScannedMessage): Buffer {
  return Buffer.from(envelopeText(scan.bytes, scan.root.fields), 'latin1');
}

/** The same as a byte string (one character an octet), from the header fields of a message or of an enclosed one. */
export function envelopeText(bytes: Buffer, fields: readonly FieldRange[]): string {
  const text = (name: string): string => wireNString(headerValue(bytes, fields, name));
  const from = addressField(bytes, fields, 'from');
  const orFrom = (name: string): string => {
    const list = addressField(bytes, fields, name);
    // "If the Sender or Reply-To lines are absent or empty, the server sets them to the value of From."
    return list === 'NIL' ? from : list;
  };
  return `(${[
    text('date'),
    text('subject'),
    from,
    orFrom('sender'),
    orFrom('reply-to'),
    addressField(bytes, fields, 'to'),
    addressField(bytes, fields, 'cc'),
    addressField(bytes, fields, 'bcc'),
    text('in-reply-to'),
    text('message-id'),
  ].join(' ')})`;
}

/** All fields of this name together: RFC 5322 §3.6 wants one, senders split long lists into several (§4.5.3 allows it). */
function addressField(bytes: Buffer, fields: readonly FieldRange[], name: string): string {
  let out = '';
  for (const field of fields) {
    if (hasName(bytes, field, name)) out += parseAddressList(fieldValue(bytes, field)).map(renderAddress).join('');
  }
  return out === '' ? 'NIL' : `(${out})`;
}

/** A group is a start with host NIL, its members, and an end that is all NIL. */
function renderAddress(address: Address): string {
  if (address.kind === 'mailbox') return renderMailbox(address);
  return `(NIL NIL ${wireString(address.name)} NIL)${address.members.map(renderMailbox).join('')}(NIL NIL NIL NIL)`;
}

/** Host NIL would mean a group, so that a mailbox without a domain has the empty string there. */
function renderMailbox({ name, route, localPart, domain }: Mailbox): string {
  return `(${wireNString(name)} ${wireNString(route)} ${wireString(localPart)} ${wireString(domain)})`;
}
