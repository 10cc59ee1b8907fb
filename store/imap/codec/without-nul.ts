import { findField, readHeader } from '@postern/shared/message/header.ts';
import { type MimePart, scanMessage } from '@postern/shared/message/mime-structure.ts';

/** Octets from `start` up to `end` become others. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly octets: Buffer;
}

const ENCODING = 'content-transfer-encoding';
const AS_IT_IS: ReadonlySet<string> = new Set(['7bit', '8bit', 'binary']);
const BASE64_FIELD = Buffer.from('Content-Transfer-Encoding: base64\r\n');

/**
 * A message that came as binary (RFC 3516 §4.4) in the form that every client can read (§6: no NUL stands in a literal): the parts with
 * a NUL in base64, all else as it was. Undefined where a NUL lies outside of such parts.
 */
export function withoutNul(message: Buffer): Buffer | undefined {
  if (!message.includes(0)) return message;
  const edits = editsOf(message, scanMessage(message).root);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { start, end, octets } of edits) {
    pieces.push(message.subarray(at, start), octets);
    at = end;
  }
  const converted = Buffer.concat([...pieces, message.subarray(at)]);
  return converted.includes(0) ? undefined : converted;
}

/** In order of their places. */
function editsOf(message: Buffer, part: MimePart): Edit[] {
  if (part.kind !== 'leaf') return part.children.flatMap((child) => editsOf(message, child));
  const { headerStart, bodyStart, bodyEnd } = part;
  const body = message.subarray(bodyStart, bodyEnd);
  if (!body.includes(0) || !AS_IT_IS.has(part.encoding)) return [];
  const field = findField(message, readHeader(message, headerStart, bodyStart).fields, ENCODING);
  const header = { start: field?.start ?? headerStart, end: field?.end ?? headerStart, octets: BASE64_FIELD };
  return [header, { start: bodyStart, end: bodyEnd, octets: inBase64(body) }];
}

/** RFC 2045 §6.8: lines of 76 characters. */
function inBase64(body: Buffer): Buffer {
  return Buffer.from(`${body.toString('base64').replace(/.{76}(?=.)/g, '$&\r\n')}\r\n`);
}
