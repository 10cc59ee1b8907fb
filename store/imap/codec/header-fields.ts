const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;
const EMPTY_LINE = Buffer.from('\r\n');

/**
 * RFC 9051 §6.4.5.1 HEADER.FIELDS and HEADER.FIELDS.NOT: the fields of a header whose names are (or are not) among the
 * given ones, as they stand, in their order, and the empty line.
 *
 * @param header the header, with or without its empty line
 * @param names in any case
 */
export function selectHeaderFields(header: Buffer, names: readonly string[], not: boolean): Buffer {
  const kept: Buffer[] = [];
  let at = 0;
  let keep = false;
  let keptFrom = 0;
  while (at < header.length) {
    const first = header[at];
    if (first === CR || first === LF) break;
    const lf = header.indexOf(LF, at);
    const end = lf < 0 ? header.length : lf + 1;
    if (first !== SPACE && first !== TAB) {
      const nameEnd = endOfName(header, at, end);
      const wanted = nameEnd >= 0 && names.some((name) => isName(header, at, nameEnd, name)) !== not;
      if (wanted && !keep) keptFrom = at;
      if (!wanted && keep) kept.push(header.subarray(keptFrom, at));
      keep = wanted;
    }
    at = end;
  }
  if (keep) kept.push(header.subarray(keptFrom, at));
  kept.push(EMPTY_LINE);
  return Buffer.concat(kept);
}

/** Where the name of a field ends (RFC 5322 §4.5.3: there may be blanks before the colon); -1 when the line is none. */
function endOfName(header: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && header[at] !== COLON) at += 1;
  if (at === end) return -1;
  while (at > start && (header[at - 1] === SPACE || header[at - 1] === TAB)) at -= 1;
  return at;
}

/** Whether the octets are this name; ASCII letters in any case. */
function isName(header: Buffer, start: number, end: number, name: string): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i += 1) {
    if (lower(header[start + i] ?? 0) !== lower(name.charCodeAt(i))) return false;
  }
  return true;
}

const lower = (octet: number): number => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet);
