import { hash } from 'node:crypto';
import { fieldName, headerValue } from '@postern/shared/message/header.ts';
import type { ScannedMessage } from '@postern/shared/message/mime-part.ts';
import { renderBodyStructure } from '../imap/codec/bodystructure.ts';
import { renderEnvelope } from '../imap/codec/envelope.ts';
import type { PreparedTexts } from './mailstore.ts';

/** Raise it when a text is rendered otherwise: rows of an older version are rendered anew when they are read. */
export const PREPARED_VERSION = 1;

/** Header fields that lie ready beside each message: what mail programs ask for in their lists. Lower case. */
export const CACHED_HEADER_FIELDS: ReadonlySet<string> = new Set([
  'date',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'subject',
  'message-id',
  'in-reply-to',
  'references',
  'newsgroups',
  'content-type',
  'priority',
  'x-priority',
  'importance',
  'list-id',
  'list-unsubscribe',
  'list-post',
  'x-mailer',
  'user-agent',
  'x-spam-flag',
  'auto-submitted',
  'disposition-notification-to',
  'x-draft-info',
]);

const MAX_MESSAGE_IDS = 12;
const MAX_REFERENCES_OCTETS = 65_536;

/** Renders what FETCH, SORT and THREAD need from a message, once, when it arrives. */
export function prepareTexts(scan: ScannedMessage): PreparedTexts {
  const { bytes, root } = scan;
  const kept = root.fields.filter((field) => CACHED_HEADER_FIELDS.has(fieldName(bytes, field).toLowerCase()));
  const date = headerValue(bytes, root.fields, 'date', 1000);
  const sentAtMs = date === undefined ? Number.NaN : Date.parse(date.replace(/\([^()]*\)/g, ' '));
  return {
    envelope: renderEnvelope(scan),
    bodyStructure: renderBodyStructure(scan),
    headerFields: Buffer.concat(kept.map((field) => bytes.subarray(field.start, field.end))),
    sentAtMs: Number.isNaN(sentAtMs) ? undefined : sentAtMs,
    threadHashes: threadHashes(scan),
  };
}

/** RFC 5256 §2.2 (THREAD=REFERENCES): the message's own id, then what it refers to, nearest last. */
function threadHashes({ bytes, root }: ScannedMessage): Buffer[] {
  const idsOf = (name: string): string[] =>
    headerValue(bytes, root.fields, name, MAX_REFERENCES_OCTETS)?.match(/<[^<>\s]{1,995}>/g) ?? [];
  const own = idsOf('message-id').slice(0, 1);
  const references = idsOf('references');
  const others = references.length > 0 ? references : idsOf('in-reply-to').slice(0, 1);
  const all = [...own, ...others.slice(0, 1), ...others.slice(1).slice(-(MAX_MESSAGE_IDS - 2))];
  return [...new Set(all)].map((id) => hash('sha256', Buffer.from(id, 'latin1'), 'buffer').subarray(0, 16));
}
