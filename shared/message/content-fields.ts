import { trimBlanks } from './header.ts';

/** A parameter of a MIME field as it was written, quotes and escapes taken off: `[attribute in lower case, value]`. */
export type Parameter = readonly [name: string, value: string];

/** Content-Type (RFC 2045 §5.1); `type` and `subtype` in lower case. All text is byte strings (one character an octet). */
export interface ContentType {
  readonly type: string;
  readonly subtype: string;
  readonly params: readonly Parameter[];
}

/** Content-Disposition (RFC 2183); `type` in lower case. */
export interface ContentDisposition {
  readonly type: string;
  readonly params: readonly Parameter[];
}

/** RFC 2045 §5.2: what a part is that says nothing, or nothing that can be understood. */
export const DEFAULT_CONTENT_TYPE: ContentType = { type: 'text', subtype: 'plain', params: [['charset', 'us-ascii']] };

const MAX_PARAMETERS = 100;
const TOKEN = /^[!#$%&'*+\-.^_`{|}~0-9A-Za-z]+$/;

/** Reads a Content-Type; undefined if its syntax cannot be understood. */
export function parseContentType(value: string): ContentType | undefined {
  const cursor = { text: value, at: 0 };
  const media = readUntil(cursor, ';');
  const slash = media.indexOf('/');
  const type = trimBlanks(media.slice(0, Math.max(slash, 0))).toLowerCase();
  const subtype = trimBlanks(media.slice(slash + 1)).toLowerCase();
  if (slash < 0 || !TOKEN.test(type) || !TOKEN.test(subtype)) return undefined;
  return { type, subtype, params: readParameters(cursor) };
}

/** Reads a Content-Disposition; undefined if it names no type. */
export function parseDisposition(value: string): ContentDisposition | undefined {
  const cursor = { text: value, at: 0 };
  const type = readUntil(cursor, ';').toLowerCase();
  return TOKEN.test(type) ? { type, params: readParameters(cursor) } : undefined;
}

/** Content-Transfer-Encoding (RFC 2045 §6.1) in lower case, or undefined if it is no token. */
export function parseEncoding(value: string): string | undefined {
  const encoding = readUntil({ text: value, at: 0 }, ';').toLowerCase();
  return TOKEN.test(encoding) ? encoding : undefined;
}

/** Content-Language (RFC 3282): the tags, as they were written. */
export function parseLanguages(value: string): string[] {
  const cursor = { text: value, at: 0 };
  const tags: string[] = [];
  while (cursor.at < value.length && tags.length < MAX_PARAMETERS) {
    const tag = readUntil(cursor, ',');
    if (tag !== '') tags.push(tag);
    cursor.at++;
  }
  return tags;
}

/**
 * The parameter of this name, its RFC 2231 §3 continuations (`name*0`, `name*1`) joined; charset marks and percent encoding are
 * left as they are. Lower-case name.
 */
export function rawParameter(params: readonly Parameter[], name: string): string | undefined {
  const plain = params.find(([key]) => key === name);
  if (plain) return plain[1];
  let joined: string | undefined;
  for (let n = 0; n < params.length; n++) {
    const piece = params.find(([key]) => key === `${name}*${n}` || key === `${name}*${n}*`);
    if (!piece) break;
    joined = (joined ?? '') + piece[1];
  }
  return joined;
}

interface Cursor {
  readonly text: string;
  at: number;
}

function readParameters(cursor: Cursor): Parameter[] {
  const params: Parameter[] = [];
  while (cursor.at < cursor.text.length && params.length < MAX_PARAMETERS) {
    cursor.at++; // the semicolon
    const name = readUntil(cursor, ';=').toLowerCase();
    if (cursor.text[cursor.at] !== '=') continue;
    cursor.at++;
    const value = readUntil(cursor, ';');
    if (name !== '') params.push([name, value]);
  }
  return params;
}

/**
 * Reads up to one of the stop characters: comments dropped (RFC 822 §3.4.3), quoted strings opened, blanks around dropped. Blanks within
 * stay: a file name without its quotes is common (`filename=my file.pdf`).
 */
function readUntil(cursor: Cursor, stops: string): string {
  const { text } = cursor;
  let out = '';
  let blanks = '';
  for (; cursor.at < text.length; cursor.at++) {
    const c = text[cursor.at] as string;
    if (stops.includes(c)) break;
    if (c === '(' && (out === '' || blanks !== '')) {
      skipComment(cursor);
    } else if (c === '"') {
      out += blanks + readQuoted(cursor);
      blanks = '';
    } else if (c === ' ' || c === '\t' || c === '\r' || c === '\n') {
      if (out !== '') blanks += c;
    } else {
      out += blanks + c;
      blanks = '';
    }
  }
  return out;
}

/** Leaves the cursor on the closing quote, or on the last character if the quote never closes. */
function readQuoted(cursor: Cursor): string {
  let out = '';
  for (cursor.at++; cursor.at < cursor.text.length; cursor.at++) {
    const c = cursor.text[cursor.at] as string;
    if (c === '"') return out;
    if (c === '\\' && cursor.at + 1 < cursor.text.length) out += cursor.text[++cursor.at];
    else out += c;
  }
  return out;
}

/** Leaves the cursor on the closing parenthesis, or at the end if the comment never closes. */
function skipComment(cursor: Cursor): void {
  let depth = 0;
  for (; cursor.at < cursor.text.length; cursor.at++) {
    const c = cursor.text[cursor.at];
    if (c === '\\') cursor.at++;
    else if (c === '(') depth++;
    else if (c === ')' && --depth === 0) return;
  }
}
