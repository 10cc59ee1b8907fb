/** The hierarchy separator of all mailbox names. */
export const SEPARATOR = '/';

/**
 * Whether a name matches a LIST pattern (RFC 9051 §6.3.9): `*` stands for anything, `%` for anything but the separator.
 * Takes time proportional to both lengths, whatever the pattern.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  // row[n]: the pattern so far matches the first n characters of the name.
  let row = new Uint8Array(name.length + 1);
  row[0] = 1;
  for (const char of pattern.split('')) {
    const next = new Uint8Array(name.length + 1);
    if (char === '*' || char === '%') {
      for (let n = 0; n <= name.length; n += 1) {
        const grows = n > 0 && next[n - 1] === 1 && (char === '*' || name[n - 1] !== SEPARATOR);
        next[n] = row[n] === 1 || grows ? 1 : 0;
      }
    } else {
      for (let n = 1; n <= name.length; n += 1) next[n] = row[n - 1] === 1 && name[n - 1] === char ? 1 : 0;
    }
    row = next;
  }
  return row[name.length] === 1;
}

/** All ancestors of a name, the highest first: `a`, `a/b` of `a/b/c`. */
export function ancestors(name: string): string[] {
  const out: string[] = [];
  for (let at = name.indexOf(SEPARATOR); at > 0; at = name.indexOf(SEPARATOR, at + 1)) out.push(name.slice(0, at));
  return out;
}
