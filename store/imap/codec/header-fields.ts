const LF = 0x0a;
const COLON = 0x3a;
const EMPTY_LINE = Buffer.from('\r\n');

/**
 * RFC 9051 §6.4.5.1 HEADER.FIELDS and HEADER.FIELDS.NOT: the fields of a header whose names are (or are not) among the
 * given ones, as they stand, in their order, and the empty line.
 *
 * @param header the header, with or without its empty line
 * @param names in any case
 */
export function selectHeaderFields(header: Buffer, names: readonly string[], not: boolean): Buffer {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const kept: Buffer[] = [];
  let at = 0;
  let keep = false;
  while (at < header.length) {
    const lf = header.indexOf(LF, at);
    const end = lf < 0 ? header.length : lf + 1;
    const first = header[at];
    if (first === 0x0d || first === LF) break;
    if (first !== 0x20 && first !== 0x09) {
      const colon = header.indexOf(COLON, at);
      const name = colon < 0 || colon >= end ? undefined : header.toString('latin1', at, colon).trimEnd().toLowerCase();
      keep = name !== undefined && wanted.has(name) !== not;
    }
    if (keep) kept.push(header.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...kept, EMPTY_LINE]);
}
