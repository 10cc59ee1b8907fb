const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;
const EMPTY_LINE = Buffer.from('\r\n');

/** Which fields of a header are wanted: made once for all messages of a response. */
export class FieldSelection {
  readonly #names: readonly Uint8Array[];
  readonly #not: boolean;
  /** Whether no name has this length: most lines need no further look. */
  readonly #lengths = new Uint8Array(256);

  /** @param names in any case; with `not` all fields but those */
  constructor(names: readonly string[], not: boolean) {
    this.#names = names.map((name) => Buffer.from(name.toLowerCase(), 'latin1'));
    this.#not = not;
    for (const { length } of this.#names) this.#lengths[Math.min(length, 255)] = 1;
  }

  /**
   * RFC 9051 §6.4.5.1 HEADER.FIELDS and HEADER.FIELDS.NOT: where in the header the fields stand whose names are (or are not) among
   * the given ones, in their order; neighbours together.
   *
   * @param header the header, with or without its empty line
   * @param ranges takes start and end of each stretch, one after the other, from its beginning
   * @returns how many numbers were put there
   */
  rangesIn(header: Buffer, ranges: number[]): number {
    let count = 0;
    let at = 0;
    let keep = false;
    while (at < header.length) {
      const first = header[at] as number;
      if (first === CR || first === LF) break;
      const lf = header.indexOf(LF, at);
      const end = lf < 0 ? header.length : lf + 1;
      if (first !== SPACE && first !== TAB) {
        const wanted = this.#wants(header, at, end);
        if (wanted !== keep) {
          ranges[count] = at;
          count += 1;
        }
        keep = wanted;
      }
      at = end;
    }
    if (keep) {
      ranges[count] = at;
      count += 1;
    }
    return count;
  }

  /** The same as octets, with the empty line. */
  of(header: Buffer): Buffer {
    const ranges: number[] = [];
    const count = this.rangesIn(header, ranges);
    const kept: Buffer[] = [];
    for (let i = 0; i < count; i += 2) kept.push(header.subarray(ranges[i], ranges[i + 1]));
    kept.push(EMPTY_LINE);
    return Buffer.concat(kept);
  }

  #wants(header: Buffer, start: number, end: number): boolean {
    const nameEnd = endOfName(header, start, end);
    if (nameEnd < 0) return false;
    const length = nameEnd - start;
    if (this.#lengths[Math.min(length, 255)] === 0) return this.#not;
    for (const name of this.#names) if (name.length === length && isName(header, start, name)) return !this.#not;
    return this.#not;
  }
}

/** Where the name of a field ends (RFC 5322 §4.5.3: there may be blanks before the colon); -1 when the line is none. */
function endOfName(header: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && header[at] !== COLON) at += 1;
  if (at === end) return -1;
  while (at > start && (header[at - 1] === SPACE || header[at - 1] === TAB)) at -= 1;
  return at;
}

/** Whether the octets are this name, which is in lower case; ASCII letters in any case. */
function isName(header: Buffer, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i += 1) if (lower(header[start + i] as number) !== name[i]) return false;
  return true;
}

const lower = (octet: number): number => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet);
