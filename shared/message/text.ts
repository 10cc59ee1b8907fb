import { decodeCharset } from './charset.ts';
import { rawParameter } from './content-fields.ts';
import { decodeEncodedWords, decodeParameter } from './encoded-word.ts';
import { type FieldRange, fieldName, fieldValue, readHeader } from './header.ts';
import { textOfHtml } from './html-text.ts';
import type { MimePart, ScannedMessage } from './mime-part.ts';
import { decodeTransfer } from './transfer-encoding.ts';

/** Text for SEARCH: decoded, case-folded by `foldCase`, as UTF-8. */
export interface SearchableText {
  /**
   * `name: value` of each header field of the message, a line each; then those of its parts, and file names, each behind a blank, which keeps
   * them apart from the message's own fields.
   */
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
  const headerBudget = { octets: maxOctets, truncated: false };
  const headers =
    fieldsText(scan.bytes, scan.root.fields, headerBudget) + partHeaderText(scan.bytes, scan.root, headerBudget);
  const pieces: string[] = [];
  collectText(scan.bytes, scan.root, pieces, budget);
  return {
    headers: Buffer.from(foldCase(headers)),
    body: Buffer.from(foldCase(pieces.join('\n'))),
    truncated: budget.truncated || headerBudget.truncated,
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
    if (part.kind === 'message') pieces.push(fieldsText(bytes, child.fields, budget));
    collectText(bytes, child, pieces, budget);
  }
}

function fieldsText(bytes: Buffer, fields: readonly FieldRange[], budget: Budget): string {
  let text = '';
  for (const field of fields) {
    const length = field.end - field.start;
    if (length > budget.octets) {
      budget.truncated = true;
      break;
    }
    budget.octets -= length;
    text += `${fieldName(bytes, field)}: ${decodeEncodedWords(fieldValue(bytes, field))}\n`;
  }
  return text;
}

/** RFC 9051 §6.4.4: TEXT looks into MIME header fields too. Those of an enclosed message are text of the body. */
function partHeaderText(bytes: Buffer, part: MimePart, budget: Budget): string {
  let text = fileNames(part);
  for (const child of part.children) {
    if (part.kind !== 'message')
      text += fieldsText(bytes, readHeader(bytes, child.headerStart, child.bodyStart).fields, budget).replace(
        /^(?=.)/gm,
        ' ',
      );
    text += partHeaderText(bytes, child, budget);
  }
  return text;
}

/** As a reader sees them: RFC 2231 hides them in pieces and percent signs. */
function fileNames({ params, disposition }: MimePart): string {
  const names = [decodeParameter(disposition?.params ?? [], 'filename'), decodeParameter(params, 'name')];
  return [...new Set(names)].map((name) => (name === undefined ? '' : ` ${name.replace(/[\r\n]/g, ' ')}\n`)).join('');
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
