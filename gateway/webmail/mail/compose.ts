import { randomUUID } from 'node:crypto';
import { formatDate } from '@postern/shared/message/date.ts';
import type { StreamedLiteral } from '../imap/codec/command.ts';
import type { EmailAddress } from './header-forms.ts';

/** A header field that is written: its name, and its value ready to stand in a header (folded, encoded). */
export interface WrittenField {
  readonly name: string;
  readonly value: string;
}

/** One part of a message to be written. */
export type WrittenPart =
  | {
      readonly kind: 'multipart';
      readonly fields: readonly WrittenField[];
      readonly boundary: string;
      readonly parts: readonly WrittenPart[];
    }
  | { readonly kind: 'text'; readonly fields: readonly WrittenField[]; readonly text: string }
  | {
      readonly kind: 'blob';
      readonly fields: readonly WrittenField[];
      readonly size: number;
      readonly raw: boolean;
      chunks(): AsyncIterable<Buffer>;
    };

const CRLF = '\r\n';
/** Octets of base64 in a line (RFC 2045 §6.8), and what they decode to. */
const LINE_CHARS = 76;
const LINE_BYTES = 57;

/** A message of these fields and this body (RFC 5322, RFC 2045), whose attachments are read while it is written. */
export function composeMessage(fields: readonly WrittenField[], body: WrittenPart): StreamedLiteral {
  const pieces: (Buffer | { size: number; chunks(): AsyncIterable<Buffer> })[] = [];
  const text = (value: string): void => {
    pieces.push(Buffer.from(value, 'utf8'));
  };
  const writePart = (part: WrittenPart): void => {
    text(fieldLines(part.fields));
    if (part.kind === 'multipart') {
      text(CRLF);
      for (const each of part.parts) {
        text(`--${part.boundary}${CRLF}`);
        writePart(each);
        text(CRLF);
      }
      text(`--${part.boundary}--${CRLF}`);
    } else if (part.kind === 'text') {
      const encoded = encodeText(part.text);
      text(`Content-Transfer-Encoding: ${encoded.encoding}${CRLF}${CRLF}`);
      text(encoded.text);
    } else if (part.raw) {
      text(`${CRLF}`);
      pieces.push({ size: part.size, chunks: () => part.chunks() });
    } else {
      text(`Content-Transfer-Encoding: base64${CRLF}${CRLF}`);
      pieces.push({ size: base64Size(part.size), chunks: () => base64Lines(part.chunks()) });
    }
  };
  text(fieldLines(fields));
  text(`MIME-Version: 1.0${CRLF}`);
  writePart(body);
  return {
    size: pieces.reduce((sum, piece) => sum + (Buffer.isBuffer(piece) ? piece.length : piece.size), 0),
    async *chunks() {
      for (const piece of pieces) {
        if (Buffer.isBuffer(piece)) yield piece;
        else yield* piece.chunks();
      }
    },
  };
}

const fieldLines = (fields: readonly WrittenField[]): string =>
  fields.map(({ name, value }) => `${name}:${value.startsWith(' ') ? '' : ' '}${value}${CRLF}`).join('');

export const newBoundary = (): string => `=_${randomUUID()}`;

/** RFC 5322 §3.6.4; the domain is the sender's, which is the only name that means something outside. */
export function newMessageId(senderAddress: string | undefined): string {
  const domain = /@([A-Za-z0-9.-]+)$/.exec(senderAddress ?? '')?.[1] ?? 'localhost.localdomain';
  return `${randomUUID()}@${domain}`;
}

export const dateValue = (ms: number, zoneMinutes = 0): string => formatDate(ms, zoneMinutes);

/** As it is where every transport takes it so; else quoted-printable (RFC 2045 §6.7). Line ends become CRLF. */
function encodeText(text: string): { encoding: string; text: string } {
  const lines = text.replace(/\r\n?|\n/g, CRLF);
  const withEnd = lines.endsWith(CRLF) || lines === '' ? lines : lines + CRLF;
  const plain = /^[\x09\x0a\x0d\x20-\x7e]*$/.test(withEnd) && !/[^\r\n]{999}/.test(withEnd) && !/^From /m.test(withEnd);
  return plain ? { encoding: '7bit', text: withEnd } : { encoding: 'quoted-printable', text: quotedPrintable(withEnd) };
}

/** RFC 2045 §6.7, lines of 76 characters at most. */
export function quotedPrintable(text: string): string {
  const out: string[] = [];
  for (const line of text.split(CRLF)) {
    let current = '';
    const bytes = Buffer.from(line, 'utf8');
    for (const [index, byte] of bytes.entries()) {
      const last = index === bytes.length - 1;
      const blankAtEnd = last && (byte === 0x20 || byte === 0x09);
      const fromLine = index === 0 && line.startsWith('From ');
      const printable =
        ((byte >= 0x21 && byte <= 0x7e && byte !== 0x3d) || byte === 0x20 || byte === 0x09) && !blankAtEnd && !fromLine;
      const written = printable ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      if (current.length + written.length > LINE_CHARS - 1) {
        out.push(`${current}=`);
        current = '';
      }
      current += written;
    }
    out.push(current);
  }
  return out.join(CRLF);
}

function base64Size(bytes: number): number {
  const chars = Math.ceil(bytes / 3) * 4;
  return chars + Math.ceil(chars / LINE_CHARS) * CRLF.length;
}

/** Base64 in lines, of octets that come in any pieces. */
export async function* base64Lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.length - (bytes.length % LINE_BYTES);
    rest = bytes.subarray(end);
    if (end > 0) yield linesOf(bytes.subarray(0, end));
  }
  if (rest.length > 0) yield linesOf(rest);
}

function linesOf(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('base64').replace(/.{1,76}/g, `$&${CRLF}`), 'latin1');
}

/** Unstructured text as a field's value: encoded words where it is not ASCII (RFC 2047), folded (RFC 5322 §2.2.3). */
export function textValue(text: string): string {
  const flat = text.replace(/[\r\n\0]+/g, ' ');
  if (!/^[\x20-\x7e]*$/.test(flat) || flat.includes('=?')) return encodedWords(flat);
  return foldAt(flat, / /);
}

/** RFC 2047 §2: words of 75 characters at most, no character cut in two. */
export function encodedWords(text: string): string {
  const words: string[] = [];
  let piece = '';
  for (const char of text.toWellFormed()) {
    if (Buffer.byteLength(piece + char) > 45) {
      words.push(piece);
      piece = '';
    }
    piece += char;
  }
  if (piece !== '') words.push(piece);
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join(`${CRLF} `);
}

/** RFC 5322 §3.4. An address that is none is written as it is, so that an unfinished draft keeps it. */
export function addressesValue(addresses: readonly EmailAddress[]): string {
  return addresses.map(addressValue).join(`,${CRLF} `);
}

function addressValue({ name, email }: EmailAddress): string {
  const address = email.replace(/[\x00-\x1f\x7f<>]/g, '').trim();
  const plain = (name ?? '').replace(/[\x00-\x1f\x7f]+/g, ' ').trim();
  if (plain === '') return address.includes('@') ? address : `<${address}>`;
  return `${displayName(plain)} <${address}>`;
}

function displayName(name: string): string {
  if (!/^[\x20-\x7e]*$/.test(name) || name.includes('=?')) return encodedWords(name);
  if (/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+$/.test(name)) return name;
  return `"${name.replace(/["\\]/g, '\\$&')}"`;
}

export function groupsValue(groups: readonly { name: string | null; addresses: readonly EmailAddress[] }[]): string {
  return groups
    .map(({ name, addresses }) =>
      name === null ? addressesValue(addresses) : `${displayName(name)}: ${addressesValue(addresses)};`,
    )
    .join(`,${CRLF} `);
}

export function messageIdsValue(ids: readonly string[]): string {
  return ids.map((id) => `<${id.replace(/[\x00-\x20<>]/g, '')}>`).join(`${CRLF} `);
}

export function urlsValue(urls: readonly string[]): string {
  return urls.map((url) => `<${url.replace(/[\x00-\x20<>]/g, '')}>`).join(`,${CRLF} `);
}

/** A parameter of a MIME field, in the form of RFC 2231 §4 where it is not ASCII. */
export function parameter(name: string, value: string): string {
  const flat = value.replace(/[\x00-\x1f\x7f]+/g, ' ').toWellFormed();
  if (/^[\x20-\x7e]*$/.test(flat)) return `; ${name}="${flat.replace(/["\\]/g, '\\$&')}"`;
  const encoded = encodeURIComponent(flat).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const pieces = encoded.match(/(?:%[0-9A-F]{2}|[^%]){1,50}/g) ?? [''];
  if (pieces.length === 1) return `;${CRLF} ${name}*=UTF-8''${encoded}`;
  return pieces.map((piece, n) => `;${CRLF} ${name}*${n}*=${n === 0 ? "UTF-8''" : ''}${piece}`).join('');
}

function foldAt(text: string, blank: RegExp): string {
  if (text.length <= 70) return text;
  const words = text.split(blank);
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    // A line of blanks alone would end the header for some readers: only before a word is folded.
    if (line.trim() !== '' && word !== '' && line.length + word.length > 70) {
      lines.push(line);
      line = word;
    } else line = line === '' && lines.length === 0 ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.join(`${CRLF} `);
}
