import { TextDecoder } from 'node:util';
import iconv from 'iconv-lite';

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Encodings of the WHATWG Encoding Standard that Node knows less of than iconv-lite: Korean without the syllables of windows-949, Big5
 * without those of Hong Kong.
 */
const BETTER_BY_ICONV: Readonly<Record<string, string>> = { 'euc-kr': 'cp949', big5: 'big5-hkscs' };
/** Names of iconv-lite that are no charsets. */
const NO_CHARSETS: ReadonlySet<string> = new Set(['hex', 'base64']);

/**
 * Octets in a charset as text; never throws. The labels of the WHATWG Encoding Standard first, then what iconv-lite knows besides (UTF-7,
 * the old code pages). US-ASCII and unknown charsets are read as UTF-8 if they are valid UTF-8, else as windows-1252.
 */
export function decodeCharset(bytes: Buffer, charset: string | undefined): string {
  // Apostrophes are no quotes of RFC 2045 §5.1, and common as such.
  const label = (charset ?? 'us-ascii')
    .trim()
    .toLowerCase()
    .replace(/^'(.*)'$/, '$1');
  if (label === 'us-ascii' || label === 'ascii' || label === '' || NO_CHARSETS.has(label)) return decodeUnknown(bytes);
  return decoderOf(label)(bytes);
}

/** A byte string (one character an octet) that should be UTF-8 (RFC 6532) and may be anything. */
export function decodeByteString(text: string): string {
  return /[\x80-\xff]/.test(text) ? decodeUnknown(Buffer.from(text, 'latin1')) : text;
}

function decodeUnknown(bytes: Buffer): string {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

type Decode = (bytes: Buffer) => string;

/** To look a label up costs more than to decode a word; nobody's labels fill the memory. */
const decoders = new Map<string, Decode>();
const MOST_DECODERS = 500;
const LONGEST_LABEL = 100;

function decoderOf(label: string): Decode {
  const known = decoders.get(label);
  if (known !== undefined) return known;
  if (label.length > LONGEST_LABEL) return decodeUnknown;
  const made = makeDecoder(label);
  if (decoders.size >= MOST_DECODERS) decoders.clear();
  decoders.set(label, made);
  return made;
}

function makeDecoder(label: string): Decode {
  // RFC 2781 §3.3: the order of octets is what the mark at the beginning says; the standard's UTF-16 is little-endian always.
  if (label === 'utf-16') return byIconv(label);
  const decoder = standardDecoder(label);
  const better = decoder && BETTER_BY_ICONV[decoder.encoding];
  if (better) return byIconv(better);
  if (decoder) return (bytes) => decoder.decode(bytes);
  return iconv.encodingExists(label) ? byIconv(label) : decodeUnknown;
}

function byIconv(label: string): Decode {
  return (bytes) => iconv.decode(bytes, label);
}

function standardDecoder(label: string): TextDecoder | undefined {
  // The standard maps these labels to "replacement", which decodes nothing.
  if (label === 'utf-7') return undefined;
  try {
    return new TextDecoder(label);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}
