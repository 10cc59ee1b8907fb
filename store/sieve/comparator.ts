/** A collation of RFC 4790, as Sieve uses it (RFC 5228 §2.7.3). */
export interface Comparator {
  readonly name: string;
  /** Offers substring matching: `:contains`, `:matches`, `:regex`. */
  readonly hasSubstrings: boolean;
  readonly ignoresCase: boolean;
  /** A `?` stands for one octet, not for one character (RFC 5228 §2.7.1). */
  readonly countsOctets: boolean;
  /** Texts that are equal under it have the same form. */
  fold(text: string): string;
  /** Negative, zero, positive: the order that `:value` asks for (RFC 5231). */
  compare(a: string, b: string): number;
}

const NOT_ASCII = /[^\x00-\x7f]/;

/** RFC 4790 §9.2: letters of US-ASCII alone lose their case. */
function foldAscii(text: string): string {
  return NOT_ASCII.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text.toLowerCase();
}

/** The order of their octets in UTF-8. */
function compareOctets(a: string, b: string): number {
  if (a === b) return 0;
  if (NOT_ASCII.test(a) || NOT_ASCII.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

/** RFC 5051 §2: each character in title case, by its simple mapping, then decomposed (NFKD). */
function foldUnicode(text: string): string {
  if (!NOT_ASCII.test(text)) return text.toUpperCase();
  return Array.from(text, (character) => {
    const upper = character.toUpperCase();
    return Array.from(upper).length === 1 ? upper : character;
  })
    .join('')
    .normalize('NFKD');
}

/** RFC 4790 §9.1: the digits at the beginning; without any it is infinity. Leading zeroes mean nothing. */
function numericForm(text: string): string {
  const digits = /^\d+/.exec(text)?.[0];
  return digits === undefined ? 'infinity' : digits.replace(/^0+(?=\d)/, '');
}

function compareNumeric(a: string, b: string): number {
  const [left, right] = [numericForm(a), numericForm(b)];
  if (left === right) return 0;
  if (left === 'infinity') return 1;
  if (right === 'infinity') return -1;
  return left.length - right.length || (left < right ? -1 : 1);
}

const octet: Comparator = {
  name: 'i;octet',
  hasSubstrings: true,
  ignoresCase: false,
  countsOctets: true,
  fold: (text) => text,
  compare: compareOctets,
};

export const ASCII_CASEMAP: Comparator = {
  name: 'i;ascii-casemap',
  hasSubstrings: true,
  ignoresCase: true,
  countsOctets: true,
  fold: foldAscii,
  compare: (a, b) => compareOctets(a.replace(/[a-z]+/g, upper), b.replace(/[a-z]+/g, upper)),
};

const upper = (letters: string): string => letters.toUpperCase();

const asciiNumeric: Comparator = {
  name: 'i;ascii-numeric',
  hasSubstrings: false,
  ignoresCase: false,
  countsOctets: true,
  fold: numericForm,
  compare: compareNumeric,
};

const unicodeCasemap: Comparator = {
  name: 'i;unicode-casemap',
  hasSubstrings: true,
  ignoresCase: true,
  countsOctets: false,
  fold: foldUnicode,
  compare: (a, b) => compareOctets(foldUnicode(a), foldUnicode(b)),
};

const COMPARATORS = new Map([octet, ASCII_CASEMAP, asciiNumeric, unicodeCasemap].map((each) => [each.name, each]));

export function comparatorNamed(name: string): Comparator | undefined {
  return COMPARATORS.get(name);
}

/** Capabilities of comparators; the first two may be used without (RFC 5228 §2.7.3). */
export const COMPARATOR_CAPABILITIES: readonly string[] = [...COMPARATORS.keys()].map((name) => `comparator-${name}`);
export const BASIC_COMPARATORS: readonly string[] = [octet.name, ASCII_CASEMAP.name];
