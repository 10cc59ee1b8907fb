const EQUALS = 61;
const LF = 10;
const CR = 13;

/**
 * A body without its Content-Transfer-Encoding (RFC 2045 §6); undefined for an encoding that is not known. Damaged base64 and
 * quoted-printable give what can be read of them.
 */
export function decodeTransfer(bytes: Buffer, encoding: string): Buffer | undefined {
  switch (encoding) {
    case '7bit':
    case '8bit':
    case 'binary':
      return bytes;
    case 'base64':
      return Buffer.from(bytes.toString('latin1'), 'base64');
    case 'quoted-printable':
      return decodeQuotedPrintable(bytes);
    default:
      return undefined;
  }
}

/** RFC 2045 §6.7: soft line breaks joined, blanks at the end of a line dropped; `=` before anything else stays. */
export function decodeQuotedPrintable(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let blanksFrom = -1;
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i] as number;
    if (c === EQUALS) {
      const high = hexDigit(bytes[i + 1]);
      const low = hexDigit(bytes[i + 2]);
      const lineEnd = high < 0 || low < 0 ? endOfSoftBreak(bytes, i + 1) : -1;
      blanksFrom = -1;
      if (high >= 0 && low >= 0) {
        out[length++] = high * 16 + low;
        i += 2;
      } else if (lineEnd >= 0) {
        i = lineEnd;
      } else {
        out[length++] = c;
      }
      continue;
    }
    if (c === LF && blanksFrom >= 0) {
      const hadCr = out[length - 1] === CR;
      length = blanksFrom;
      if (hadCr) out[length++] = CR;
    }
    if (c === 32 || c === 9) {
      if (blanksFrom < 0) blanksFrom = length;
    } else if (c !== CR || bytes[i + 1] !== LF) {
      blanksFrom = -1;
    }
    out[length++] = c;
  }
  return out.subarray(0, length);
}

/** The line feed that ends a soft line break whose `=` stands before `from`, or -1. */
function endOfSoftBreak(bytes: Buffer, from: number): number {
  let i = from;
  // Transport may have added blanks; a few are looked over, so that a run of equals signs stays cheap.
  while (i < from + 100 && (bytes[i] === 32 || bytes[i] === 9)) i++;
  if (bytes[i] === CR) i++;
  if (i >= bytes.length) return bytes.length;
  return bytes[i] === LF ? i : -1;
}

function hexDigit(c: number | undefined): number {
  if (c === undefined) return -1;
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 65 && c <= 70) return c - 55;
  if (c >= 97 && c <= 102) return c - 87;
  return -1;
}
