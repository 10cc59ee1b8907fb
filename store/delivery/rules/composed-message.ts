import { mailboxesOf, parseAddressList } from '@postern/shared/message/address.ts';
import { formatDate } from '@postern/shared/message/date.ts';
import { plainAddress } from '../../sieve/address-part.ts';

/** A message of ours, made from text (RFC 5322); CRLF line ends, 7-bit. */
export interface ComposedMessage {
  /** In order; values are US-ASCII, see {@link unstructured} and {@link addressField}. Empty ones are left out. */
  readonly fields: readonly (readonly [name: string, value: string | undefined])[];
  readonly date: Date;
  /** Without brackets. */
  readonly messageId: string;
  /** Header fields of the body, each ending in CRLF, and the body: see {@link textBody}. */
  readonly body: { readonly fields: string; readonly content: string };
}

/** RFC 2047 §2: an encoded word has 75 characters at most. */
const MAX_WORD_OCTETS = 42;

export function composeMessage({ fields, date, messageId, body }: ComposedMessage): Buffer {
  const head = fields.map(([name, value]) => (value === undefined || value === '' ? '' : headerLine(name, value)));
  return Buffer.from(
    `${head.join('')}Date: ${formatDate(date.getTime(), -date.getTimezoneOffset())}\r\n` +
      `Message-ID: <${messageId}>\r\nMIME-Version: 1.0\r\n${body.fields}\r\n${body.content}`,
  );
}

/** A field, folded at its blanks. */
function headerLine(name: string, value: string): string {
  return `${name}: ${fold(oneLine(value), name.length + 2)}\r\n`;
}

/** A field of unstructured text, as a script has written it. */
export function textField(name: string, text: string): string {
  return headerLine(name, unstructured(text));
}

/** Unstructured text for a field: encoded where it is not US-ASCII. */
export function unstructured(text: string): string {
  return encodeWords(oneLine(text));
}

/** RFC 2047, base64, no character split between words. US-ASCII stays as it is. */
export function encodeWords(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text) && !text.includes('=?')) return text;
  const words: string[] = [];
  let word = '';
  for (const character of text.toWellFormed()) {
    if (Buffer.byteLength(word + character) > MAX_WORD_OCTETS) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  if (word !== '') words.push(word);
  return words.map((each) => `=?utf-8?B?${Buffer.from(each).toString('base64')}?=`).join(' ');
}

/** The mailbox that a script names as a sender, ready for a field; undefined: it is none. */
export function senderField(text: string | undefined): string | undefined {
  const address = text === undefined ? undefined : plainAddress(text);
  if (text === undefined || address === undefined) return undefined;
  const [mailbox] = mailboxesOf(parseAddressList(text));
  return addressField(mailbox?.name, address);
}

/** Display name and address of an address field. */
export function addressField(name: string | undefined, address: string): string {
  if (name === undefined || name === '') return `<${address}>`;
  const encoded = encodeWords(oneLine(name));
  const phrase = encoded.startsWith('=?') ? encoded : `"${encoded.replace(/["\\]/g, '\\$&')}"`;
  return `${phrase} <${address}>`;
}

/** Plain text as a MIME body: as it is where that is safe, else base64. */
export function textBody(text: string): ComposedMessage['body'] {
  const lines = withCrlf(text.endsWith('\n') ? text : `${text}\n`);
  const plain = /^[\t\r\n\x20-\x7e]*$/.test(lines) && lines.split('\r\n').every((line) => line.length <= 900);
  const fields = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding:';
  if (plain) return { fields: `${fields} 7bit\r\n`, content: lines };
  const encoded = Buffer.from(lines).toString('base64').replace(/.{76}/g, '$&\r\n');
  return { fields: `${fields} base64\r\n`, content: `${encoded}\r\n` };
}

/** A MIME entity that a script wrote (RFC 5230 §4.4): its Content fields alone, and its body; undefined: it is none. */
export function entityBody(entity: string): ComposedMessage['body'] | undefined {
  const text = withCrlf(entity);
  const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const header = text.slice(0, end).replace(/\r\n[ \t]+/g, ' ');
  const fields = header.split('\r\n').filter((line) => /^content-[a-z-]+:/i.test(line));
  // RFC 5230 §5: no 8-bit text in the header.
  if (fields.some((line) => /[^\x20-\x7e]/.test(line))) return undefined;
  const content = text.slice(end === 0 ? 2 : end + 4);
  return {
    fields: fields.map((line) => `${line}\r\n`).join(''),
    content: content.endsWith('\r\n') ? content : `${content}\r\n`,
  };
}

export const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, ' ').trim();
export const withCrlf = (text: string): string => text.replace(/\r?\n|\r/g, '\r\n');

function fold(text: string, used: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const width = line.length + 1 + word.length + (lines.length === 0 ? used : 1);
    if (line !== '' && width > 76) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.join('\r\n ');
}
