import { decodeCharset } from './charset.ts';
import { rawParameter } from './content-fields.ts';
import { decodeEncodedWords } from './encoded-word.ts';
import { fieldName, fieldValue } from './header.ts';
import { textOfHtml } from './html-text.ts';
import type { MimePart, ScannedMessage } from './mime-part.ts';
import { decodeTransfer } from './transfer-encoding.ts';

/** Text for SEARCH: decoded, case-folded by `foldCase`, as UTF-8. */
export interface SearchableText {
  /** `name: value` of each header field of the message, a line each. */
  readonly headers: Buffer;
  /** All text parts, and the headers of enclosed messages. */
  readonly body: Buffer;
  /** The message has more text than was read: a search must not rely on what it does not find here. */
  readonly truncated: boolean;
}

/** Text beyond this is not read (octets before decoding; header and body each). */
export const MAX_SEARCHABLE_OCTETS = 8 * 1024 * 1024;

/** RFC 8970 §3.1 allows 256 characters; 200 is what it recommends. */
const PREVIEW_LENGTH = 200;
const PREVIEW_OCTETS = 16_384;

/**
 * Folds text so that comparing octets ignores case: NFC, lower case, final sigma as sigma, NFC again. Compatibility characters (NFKC) and
 * accents stay distinct. SEARCH folds its key in the same way.
 */
export function foldCase(text: string): string {
  // Plain ASCII is most of mail.
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase();
  return text.normalize('NFC').toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

/** All text of a message, ready to be searched; of very long ones the first `maxOctets` of header and body each. */
export function searchableText(scan: ScannedMessage, maxOctets = MAX_SEARCHABLE_OCTETS): SearchableText {
  const budget = { octets: maxOctets, truncated: false };
  const headers = headerText(scan.bytes, scan.root, { octets: maxOctets, truncated: false });
  const pieces: string[] = [];
  collectText(scan.bytes, scan.root, pieces, budget);
  return {
    headers: Buffer.from(foldCase(headers.text)),
    body: Buffer.from(foldCase(pieces.join('\n'))),
    truncated: budget.truncated || headers.truncated,
  };
}

/** The beginning of what a reader sees (RFC 8970): of alternatives the plain text, else HTML; empty if there is no text. */
export function previewText(scan: ScannedMessage): string {
  const part = firstText(scan.root, 'plain') ?? firstText(scan.root, 'html');
  if (!part) return '';
  const text = decodeText(scan.bytes, part, PREVIEW_OCTETS).replace(/\s+/g, ' ').trim();
  return Array.from(text.slice(0, PREVIEW_LENGTH * 2))
    .slice(0, PREVIEW_LENGTH)
    .join('')
    .replace(/\ufffd+$/, '');
}

/** A text part without transfer encoding and charset, HTML as text; reads at most `maxOctets` of the body. */
export function decodeText(bytes: Buffer, part: MimePart, maxOctets: number): string {
  const body = bytes.subarray(part.bodyStart, Math.min(part.bodyEnd, part.bodyStart + maxOctets));
  const text = decodeCharset(decodeTransfer(body, part.encoding) ?? body, rawParameter(part.params, 'charset'));
  return part.subtype === 'html' ? textOfHtml(text) : text;
}

interface Budget {
  octets: number;
  truncated: boolean;
}

function collectText(bytes: Buffer, part: MimePart, pieces: string[], budget: Budget): void {
  if (part.kind === 'leaf' && part.type === 'text') {
    const length = part.bodyEnd - part.bodyStart;
    pieces.push(decodeText(bytes, part, budget.octets));
    budget.truncated ||= length > budget.octets;
    budget.octets = Math.max(0, budget.octets - length);
  }
  for (const child of part.children) {
    if (part.kind === 'message') pieces.push(headerText(bytes, child, budget).text);
    collectText(bytes, child, pieces, budget);
  }
}

function headerText(bytes: Buffer, part: MimePart, budget: Budget): { text: string; truncated: boolean } {
  let text = '';
  for (const field of part.fields) {
    const length = field.end - field.start;
    if (length > budget.octets) {
      budget.truncated = true;
      break;
    }
    budget.octets -= length;
    text += `${fieldName(bytes, field)}: ${decodeEncodedWords(fieldValue(bytes, field))}\n`;
  }
  return { text, truncated: budget.truncated };
}

function firstText(part: MimePart, subtype: string): MimePart | undefined {
  if (part.kind === 'leaf') {
    const isText = part.type === 'text' && part.subtype === subtype && part.disposition?.type !== 'attachment';
    return isText && part.bodyEnd > part.bodyStart ? part : undefined;
  }
  for (const child of part.children) {
    const found = firstText(child, subtype);
    if (found) return found;
  }
  return undefined;
}
