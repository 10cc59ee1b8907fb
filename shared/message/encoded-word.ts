import { decodeByteString, decodeCharset } from './charset.ts';
import type { Parameter } from './content-fields.ts';
import { decodeQuotedPrintable } from './transfer-encoding.ts';

/** RFC 2047 §2, with the language of RFC 2231 §5; blanks in the text are wrong and common. */
const ENCODED_WORD = /=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?\r\n]*)\?=/g;

/**
 * The text of an unstructured field or a display name: encoded words decoded (RFC 2047), blanks between two of them dropped (§6.2), adjacent words
 * of one charset joined before decoding, because senders split characters. What stands outside is taken for UTF-8 (RFC 6532).
 * From a byte string to Unicode text.
 */
export function decodeEncodedWords(value: string): string {
  if (!value.includes('=?')) return decodeByteString(value);
  let out = '';
  let from = 0;
  let pending: { charset: string; pieces: Buffer[] } | undefined;
  const flush = (): void => {
    if (pending) out += decodeCharset(Buffer.concat(pending.pieces), pending.charset);
    pending = undefined;
  };
  for (const match of value.matchAll(ENCODED_WORD)) {
    const between = value.slice(from, match.index);
    const charset = (match[1] as string).toLowerCase();
    if (pending === undefined || between.trim() !== '') {
      flush();
      out += decodeByteString(between);
    } else if (pending.charset !== charset) {
      flush();
    }
    pending ??= { charset, pieces: [] };
    pending.pieces.push(decodeWord((match[2] as string).toLowerCase(), match[3] as string));
    from = match.index + match[0].length;
  }
  flush();
  return out + decodeByteString(value.slice(from));
}

/**
 * A parameter as text: RFC 2231 continuations joined, charset and percent encoding decoded; encoded words in it too, which RFC 2047 §5 forbids
 * and many senders use. Lower-case name; undefined if there is no such parameter.
 */
export function decodeParameter(params: readonly Parameter[], name: string): string | undefined {
  const single = params.find(([key]) => key === `${name}*`);
  if (single) return decodeExtended([{ text: single[1], encoded: true }]);
  const pieces: { text: string; encoded: boolean }[] = [];
  for (let n = 0; n < params.length; n++) {
    const piece = params.find(([key]) => key === `${name}*${n}` || key === `${name}*${n}*`);
    if (!piece) break;
    pieces.push({ text: piece[1], encoded: piece[0].endsWith('*') });
  }
  if (pieces.length > 0) return decodeExtended(pieces);
  const plain = params.find(([key]) => key === name);
  return plain && decodeEncodedWords(plain[1]);
}

function decodeWord(encoding: string, text: string): Buffer {
  if (encoding === 'b') return Buffer.from(text, 'base64');
  // RFC 2047 §4.2: in "Q", the underscore is a space; trailing blanks count, so that they are hidden from quoted-printable.
  return decodeQuotedPrintable(Buffer.from(text.replace(/[_ ]/g, '=20'), 'latin1'));
}

/** RFC 2231 §4: charset'language'text, the first piece alone names the charset; each piece says whether it is encoded. */
function decodeExtended(pieces: readonly { text: string; encoded: boolean }[]): string {
  const first = pieces[0] as { text: string; encoded: boolean };
  const marks = first.encoded ? /^([^']*)'[^']*'/.exec(first.text) : null;
  const octets = pieces.map(({ text, encoded }, n) => {
    const rest = n === 0 && marks ? text.slice(marks[0].length) : text;
    return encoded
      ? rest.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
      : rest;
  });
  return decodeCharset(Buffer.from(octets.join(''), 'latin1'), marks?.[1] || undefined);
}
