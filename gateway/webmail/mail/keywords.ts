/** RFC 8621 §4.1.1: the system flags under JMAP’s names. */
const SYSTEM: ReadonlyMap<string, string> = new Map([
  ['\\seen', '$seen'],
  ['\\flagged', '$flagged'],
  ['\\answered', '$answered'],
  ['\\draft', '$draft'],
]);
const FLAGS: ReadonlyMap<string, string> = new Map([
  ['$seen', '\\Seen'],
  ['$flagged', '\\Flagged'],
  ['$answered', '\\Answered'],
  ['$draft', '\\Draft'],
]);

/** Sets of flags are few, messages many: each set is read once. */
const known = new Map<string, readonly string[]>();
const MAX_KNOWN = 10_000;

/** JMAP’s keywords of what FLAGS lists (RFC 8621 §4.1.1). */
export function keywordsOf(flags: string): readonly string[] {
  let keywords = known.get(flags);
  if (keywords === undefined) {
    if (known.size >= MAX_KNOWN) known.clear();
    keywords = flags
      .split(' ')
      .map((flag) => flag.toLowerCase())
      .filter((flag) => flag !== '' && (!flag.startsWith('\\') || SYSTEM.has(flag)))
      .map((flag) => SYSTEM.get(flag) ?? flag);
    known.set(flags, keywords);
  }
  return keywords;
}

export function isDeleted(flags: string): boolean {
  return /\\Deleted/i.test(flags);
}

/** RFC 8621 §4.1.1: 1 to 255 characters, without those that IMAP could not carry. */
export function isKeyword(text: string): boolean {
  return /^[\x21-\x7e]{1,100}$/.test(text) && !/[(){\]%*"\\]/.test(text);
}

/** The flag that IMAP knows for a keyword. */
export function flagOf(keyword: string): string {
  return FLAGS.get(keyword.toLowerCase()) ?? keyword;
}
