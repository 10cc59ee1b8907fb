/**
 * Names and passwords as they are compared: RFC 8265 §4.2 (OpaqueString, of the PRECIS FreeformClass), the Standards Track successor of
 * SASLprep. A program that writes `é` as two characters signs in like one that writes it as one.
 */

/** Space separators other than that of US-ASCII. */
const OTHER_SPACES = /\p{Zs}/gu;

/**
 * RFC 8264 §4.3.2: what the FreeformClass does not let in. Controls, surrogates, private use, what is not assigned, what is not to be seen
 * (format characters, Default_Ignorable_Code_Point), old Hangul jamo, line and paragraph separators. The joiners, allowed in some contexts, are not.
 */
const DISALLOWED =
  /[\p{Cc}\p{Cs}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]/u;

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** Undefined for text that nobody can have as a name or password. */
export function preparedText(text: string): string | undefined {
  if (PRINTABLE_ASCII.test(text)) return text;
  const prepared = text.replace(OTHER_SPACES, ' ').normalize('NFC');
  return DISALLOWED.test(prepared) ? undefined : prepared;
}
