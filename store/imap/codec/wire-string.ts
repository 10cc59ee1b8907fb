/** Octets that a quoted string may not hold in IMAP4rev1: NUL, CR, LF and all that is 8-bit (RFC 3501 §9, TEXT-CHAR). */
const NOT_QUOTABLE = /[\x00\r\n\x80-\xff]/;

/**
 * A byte string (one character an octet) as IMAP `string`: quoted where the grammar allows it; 8-bit text as the literal `{n}` CRLF octets, which
 * is right with and without UTF8=ACCEPT and IMAP4rev2. NUL may stand in neither and becomes `?`; line ends, which only a damaged header can
 * leave, become spaces.
 */
export function wireString(text: string): string {
  if (!NOT_QUOTABLE.test(text)) return quote(text);
  const clean = text.replace(/\0/g, '?').replace(/[\r\n]/g, ' ');
  return NOT_QUOTABLE.test(clean) ? `{${clean.length}}\r\n${clean}` : quote(clean);
}

/** `nstring`: NIL for what is not there. */
export function wireNString(text: string | undefined): string {
  return text === undefined ? 'NIL' : wireString(text);
}

function quote(text: string): string {
  return `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;
}
