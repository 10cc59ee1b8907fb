/**
 * Classes of octets in the grammar (RFC 9051 §9). Command text is handled as latin1 strings: one character an octet, so
 * that nothing is lost or changed before a command says in which charset it reads its argument.
 */
const CLASS = new Uint8Array(256);

const ATOM = 1;
const ASTRING = 2;
const LIST = 4;
const TAG = 8;
const QUOTED = 16;

for (let octet = 0x21; octet < 0x7f; octet += 1) {
  const char = String.fromCharCode(octet);
  const listWildcard = char === '%' || char === '*';
  const special = '(){"\\'.includes(char) || char === ']' || listWildcard;
  let bits = 0;
  if (!special) bits |= ATOM;
  if (!special || char === ']') bits |= ASTRING;
  if (!special || char === ']' || listWildcard) bits |= LIST;
  if ((!special || char === ']') && char !== '+') bits |= TAG;
  CLASS[octet] = bits;
}
// RFC 9051 §9 QUOTED-CHAR: any TEXT-CHAR but the quoted-specials; octets above 0x7f are UTF-8 (§4.3).
for (let octet = 1; octet < 256; octet += 1) {
  if (octet !== 0x0d && octet !== 0x0a && octet !== 0x22 && octet !== 0x5c) CLASS[octet] = (CLASS[octet] ?? 0) | QUOTED;
}

const has = (code: number, bit: number): boolean => ((CLASS[code] ?? 0) & bit) !== 0;

export const isAtomChar = (code: number): boolean => has(code, ATOM);
export const isAstringChar = (code: number): boolean => has(code, ASTRING);
export const isListChar = (code: number): boolean => has(code, LIST);
export const isTagChar = (code: number): boolean => has(code, TAG);
export const isQuotedChar = (code: number): boolean => has(code, QUOTED);

/** Whether the text can go out as an atom; `NIL` cannot, because a reader takes it for the absent string. */
export function isAtom(text: string): boolean {
  if (text.length === 0 || text.toUpperCase() === 'NIL') return false;
  for (let i = 0; i < text.length; i += 1) if (!isAtomChar(text.charCodeAt(i))) return false;
  return true;
}
