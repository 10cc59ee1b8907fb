import { type Address, parseAddressList } from '@postern/shared/message/address.ts';
import { parseDate } from '@postern/shared/message/date.ts';
import { decodeEncodedWords } from '@postern/shared/message/encoded-word.ts';
import { type FieldRange, fieldValue, hasName, headerValue } from '@postern/shared/message/header.ts';
import { messageIdHash, messageIdOf, referencesOf } from '@postern/shared/message/message-id.ts';
import { scanMessage } from '@postern/shared/message/mime-structure.ts';
import { baseSubject } from '@postern/shared/message/subject.ts';
import { foldCase } from '@postern/shared/message/text.ts';
import type { KeyTexts } from './mailstore.ts';

/** Raise it when a key is made otherwise: rows of another version are made anew. */
export const KEYS_VERSION = 2;

/** Header fields that have a column of their own for SEARCH, by lower-case name. */
export const KEY_COLUMNS: Readonly<Record<string, string>> = {
  subject: 'subject',
  from: 'sender',
  to: 'recipients',
  cc: 'copied',
};

/** A row of message_keys, but for its key. */
export interface KeyRow {
  readonly sentAtMs: number | undefined;
  /** Decoded, case-folded values of the fields of KEY_COLUMNS, one a line; null where the header has none. */
  readonly searched: readonly (Buffer | null)[];
  readonly sortKeys: Buffer;
  readonly threadIds: Buffer;
}

const HASH_OCTETS = 8;
/** References beyond it are left out in the middle: the oldest ties the thread, the newest is the parent. */
const MAX_REFERENCES = 200;
/** Keys are compared by their beginning. */
const MAX_KEY_LENGTH = 500;

/** Makes the keys from the cached header fields of a message. */
export function keyRow(headerFields: Buffer): KeyRow {
  const { bytes, root } = scanMessage(Buffer.concat([headerFields, Buffer.from('\r\n')]));
  const { fields } = root;
  const subject = baseSubject(headerValue(bytes, fields, 'subject') ?? '');
  const [from, displayFrom] = firstAddress(bytes, fields, 'from');
  const [to, displayTo] = firstAddress(bytes, fields, 'to');
  const [cc] = firstAddress(bytes, fields, 'cc');
  const texts = [subject.text, from, to, cc, displayFrom, displayTo].map((text) =>
    foldCase(text.slice(0, MAX_KEY_LENGTH)).replaceAll('\0', ' '),
  );
  const date = headerValue(bytes, fields, 'date', 1000);
  return {
    sentAtMs: date === undefined ? undefined : parseDate(date)?.ms,
    searched: Object.keys(KEY_COLUMNS).map((name) => searchedText(bytes, fields, name)),
    sortKeys: Buffer.from([subject.isReplyOrForward ? 'r' : '', ...texts].join('\0')),
    threadIds: packIds(bytes, fields),
  };
}

/** Reads what `keyRow` packed. */
export function unpackSortKeys(packed: Buffer): KeyTexts {
  const [reply, baseSubject = '', from = '', to = '', cc = '', displayFrom = '', displayTo = ''] = packed
    .toString()
    .split('\0');
  return { baseSubject, isReplyOrForward: reply === 'r', from, to, cc, displayFrom, displayTo };
}

export function unpackIds(packed: Buffer): { readonly id: string | undefined; readonly references: string[] } {
  const ids: string[] = [];
  for (let at = 1; at < packed.length; at += HASH_OCTETS) ids.push(packed.toString('latin1', at, at + HASH_OCTETS));
  return packed[0] === 1 ? { id: ids[0], references: ids.slice(1) } : { id: undefined, references: ids };
}

function searchedText(bytes: Buffer, fields: readonly FieldRange[], name: string): Buffer | null {
  const values = fields
    .filter((field) => hasName(bytes, field, name))
    .map((field) => foldCase(decodeEncodedWords(fieldValue(bytes, field))));
  return values.length === 0 ? null : Buffer.from(values.join('\n'));
}

/** addr-mailbox of the first address as ENVELOPE has it (of a group its name), and how it is shown (RFC 5957 §3). */
function firstAddress(bytes: Buffer, fields: readonly FieldRange[], name: string): [string, string] {
  const field = fields.find((each) => hasName(bytes, each, name));
  const first: Address | undefined = field && parseAddressList(fieldValue(bytes, field, 4096))[0];
  if (first === undefined) return ['', ''];
  if (first.kind === 'group') return [first.name, decodeEncodedWords(first.name)];
  const address = first.domain === '' ? first.localPart : `${first.localPart}@${first.domain}`;
  return [first.localPart, first.name === undefined ? address : decodeEncodedWords(first.name)];
}

/** One octet that says whether the message has an id of its own, then the hashes: its own, and what it refers to. */
function packIds(bytes: Buffer, fields: readonly FieldRange[]): Buffer {
  const own = messageIdOf(bytes, fields);
  const references = referencesOf(bytes, fields);
  const kept =
    references.length <= MAX_REFERENCES
      ? references
      : [...references.slice(0, 1), ...references.slice(1 - MAX_REFERENCES)];
  const hashes = [...(own === undefined ? [] : [own]), ...kept].map((id) => {
    const octets = Buffer.alloc(HASH_OCTETS);
    octets.writeBigUInt64BE(messageIdHash(unquoted(id)));
    return octets;
  });
  return Buffer.concat([Buffer.from([own === undefined ? 0 : 1]), ...hashes]);
}

/** RFC 5256 §3: `"01KF8"@x` and `01KF8@x` are the same id. */
function unquoted(id: string): string {
  const match = /^"((?:[^"\\]|\\.)*)"(@.*)$/s.exec(id);
  return match === null ? id : (match[1] ?? '').replace(/\\(.)/gs, '$1') + (match[2] ?? '');
}
