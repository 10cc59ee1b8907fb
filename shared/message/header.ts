/**
 * The header of a message or of a body part, as byte offsets (RFC 5322 §2.1, §2.2). Nothing is copied: a field is where it
 * lies. Both CRLF and bare LF end a line, because APPEND and old archives bring both; a bare CR ends none.
 */

/** One header field: its name is `start..nameEnd`, its value `valueStart..end`, folding and line end included. */
export interface FieldRange {
  readonly start: number;
  readonly nameEnd: number;
  /** The octet after the colon. */
  readonly valueStart: number;
  /** The octet after the line end of the field's last line. */
  readonly end: number;
}

/** Where a header ends, and the fields in it. */
export interface HeaderRange {
  readonly fields: readonly FieldRange[];
  /** The first octet of the body: after the empty line, or the end of the bytes if there is none. */
  readonly bodyStart: number;
}

/** Fields beyond this number are stepped over unseen: bounded memory on a header bomb. */
export const MAX_HEADER_FIELDS = 10_000;

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const DASH = 45;

/**
 * Reads a header from `start`. It ends with the first empty line (RFC 5322 §2.1); a line that is no field is stepped over,
 * as mailbox separators and damaged lines stand in real mail. `endsAt(position)` is asked at each line that starts with `--`:
 * a delimiter of an enclosing multipart ends the header as well (RFC 2046 §5.1.2).
 */
export function readHeader(
  bytes: Buffer,
  start: number,
  limit: number,
  endsAt: (position: number) => boolean = () => false,
): HeaderRange {
  const fields: FieldRange[] = [];
  let position = start;
  while (position < limit) {
    const first = bytes[position];
    if (first === LF) return { fields, bodyStart: position + 1 };
    if (first === CR && bytes[position + 1] === LF && position + 1 < limit) return { fields, bodyStart: position + 2 };
    if (first === DASH && bytes[position + 1] === DASH && endsAt(position)) return { fields, bodyStart: position };
    const nameEnd = endOfName(bytes, position, limit);
    const colon = skipBlanks(bytes, nameEnd, limit);
    const end = endOfField(bytes, position, limit);
    if (nameEnd > position && bytes[colon] === COLON && fields.length < MAX_HEADER_FIELDS) {
      fields.push({ start: position, nameEnd, valueStart: colon + 1, end });
    }
    position = end;
  }
  return { fields, bodyStart: limit };
}

/** RFC 5322 §3.6.8: a field name is printable US-ASCII without the colon. */
function endOfName(bytes: Buffer, from: number, limit: number): number {
  let i = from;
  for (; i < limit; i++) {
    const c = bytes[i] as number;
    if (c <= SPACE || c > 126 || c === COLON) break;
  }
  return i;
}

/** RFC 5322 §4.5: obsolete syntax allows blanks between name and colon. */
function skipBlanks(bytes: Buffer, from: number, limit: number): number {
  let i = from;
  while (i < limit && (bytes[i] === SPACE || bytes[i] === TAB)) i++;
  return i;
}

/** The octet after the line end of the last folded line (RFC 5322 §2.2.3). */
function endOfField(bytes: Buffer, from: number, limit: number): number {
  let next = from;
  do {
    const lineEnd = bytes.indexOf(LF, next);
    if (lineEnd < 0 || lineEnd >= limit) return limit;
    next = lineEnd + 1;
  } while (next < limit && (bytes[next] === SPACE || bytes[next] === TAB));
  return next;
}

/** Whether the field has this name; `lowerCaseName` must be lower-case US-ASCII (RFC 5322 §1.2.2: names ignore case). */
export function hasName(bytes: Buffer, field: FieldRange, lowerCaseName: string): boolean {
  const length = field.nameEnd - field.start;
  if (length !== lowerCaseName.length) return false;
  for (let i = 0; i < length; i++) {
    let c = bytes[field.start + i] as number;
    if (c >= 65 && c <= 90) c += 32;
    if (c !== lowerCaseName.charCodeAt(i)) return false;
  }
  return true;
}

/** The first field of this name, or undefined. */
export function findField(bytes: Buffer, fields: readonly FieldRange[], lowerCaseName: string): FieldRange | undefined {
  return fields.find((field) => hasName(bytes, field, lowerCaseName));
}

/** The field's name as it was written. */
export function fieldName(bytes: Buffer, field: FieldRange): string {
  return bytes.toString('latin1', field.start, field.nameEnd);
}

/**
 * The field's value, unfolded (RFC 5322 §2.2.3) and without blanks around it, as a byte string: one character for each octet
 * (latin1), so that 8-bit text is kept as it came. At most `maxOctets` are read.
 */
export function fieldValue(bytes: Buffer, field: FieldRange, maxOctets = Number.POSITIVE_INFINITY): string {
  const raw = bytes.toString('latin1', field.valueStart, Math.min(field.end, field.valueStart + maxOctets));
  return trimBlanks(raw.includes('\n') ? raw.replace(/\r?\n/g, '') : raw);
}

/** The value of the first field of this name as a byte string, or undefined if there is none. */
export function headerValue(
  bytes: Buffer,
  fields: readonly FieldRange[],
  lowerCaseName: string,
  maxOctets?: number,
): string | undefined {
  const field = findField(bytes, fields, lowerCaseName);
  return field === undefined ? undefined : fieldValue(bytes, field, maxOctets);
}

/** Without the blanks, tabs and line ends around it; linear, and it leaves 8-bit octets such as 0xA0 alone. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB || code === CR || code === LF;
}
