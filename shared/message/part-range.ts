import type { PartOffsets } from './mime-part.ts';

/** A run of octets: from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const SECTION = /^(?:(\d{1,9}(?:\.\d{1,9})*)(?:\.(HEADER|TEXT|MIME))?|(HEADER|TEXT)|)$/i;

/**
 * Where a section of a message lies (RFC 3501 §6.4.5): `''` (all of it), `HEADER`, `TEXT`, `1.2.3`, `1.2.MIME`, `1.2.HEADER`, `1.2.TEXT`.
 * HEADER.FIELDS is chosen by the caller from HEADER's range. Undefined if the message has no such section.
 */
export function partRange(root: PartOffsets, section: string): ByteRange | undefined {
  const match = SECTION.exec(section);
  if (!match) return undefined;
  const numbers = match[1] === undefined ? [] : match[1].split('.').map(Number);
  const text = (match[2] ?? match[3])?.toUpperCase();
  const part = findPart(root, numbers);
  if (!part) return undefined;
  if (text === 'MIME') return header(part);
  if (text === undefined) {
    return { start: numbers.length === 0 ? part.headerStart : part.bodyStart, end: part.bodyEnd };
  }
  // "HEADER" and "TEXT" after a number belong to the message that the part encloses.
  const message = numbers.length === 0 ? part : enclosedMessage(part);
  if (!message) return undefined;
  return text === 'HEADER' ? header(message) : { start: message.bodyStart, end: message.bodyEnd };
}

/** The part of these numbers; none at all mean the message itself. Undefined if there is no such part. */
export function findPart<P extends PartOffsets>(root: P, numbers: readonly number[]): P | undefined {
  let part: P = root;
  // "Every message has at least one part number": 1 is the body of a message that is no multipart.
  let isMessage = true;
  for (const number of numbers) {
    const enclosed = isMessage ? undefined : (enclosedMessage(part) as P | undefined);
    if (enclosed) part = enclosed;
    if (part.kind === 'multipart') {
      const child = part.children[number - 1];
      if (!child) return undefined;
      part = child as P;
    } else if (number !== 1 || !(isMessage || enclosed)) {
      return undefined;
    }
    isMessage = false;
  }
  return part;
}

function enclosedMessage(part: PartOffsets): PartOffsets | undefined {
  return part.kind === 'message' ? part.children[0] : undefined;
}

function header(part: PartOffsets): ByteRange {
  return { start: part.headerStart, end: part.bodyStart };
}
