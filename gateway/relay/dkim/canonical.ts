import type { FieldRange } from '@postern/shared/message/header.ts';

/** RFC 6376 §3.4: octet for octet, or forgiving of blanks and folds. */
export type Canonicalization = 'simple' | 'relaxed';

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const CRLF = Buffer.from('\r\n');
/** Octets of the body that are made canonical in one go. */
const PIECE_BYTES = 65_536;

/** A header field as it is hashed, its line end included (RFC 6376 §3.4.1, §3.4.2), as a byte string. */
export function canonicalField(content: Buffer, field: FieldRange, form: Canonicalization): string {
  if (form === 'simple') return content.toString('latin1', field.start, field.end);
  const name = content.toString('latin1', field.start, field.nameEnd).toLowerCase();
  return `${name}:${relaxedValue(content.toString('latin1', field.valueStart, field.end))}\r\n`;
}

/** RFC 6376 §3.4.2: unfolded, each run of blanks one space, none at the ends. Blanks are space and tab alone. */
function relaxedValue(value: string): string {
  return value
    .replace(/\r?\n/g, '')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ | $/g, '');
}

/** RFC 6376 §3.7: the signature's own field, last and without line end; the value of its `b=` and the blanks around it are empty. */
export function canonicalSignatureField(content: Buffer, field: FieldRange, form: Canonicalization): string {
  const text = canonicalField(content, field, form).replace(/\r\n$/, '');
  const colon = text.indexOf(':') + 1;
  const specs = text.slice(colon).split(';');
  const bare = specs.map((spec) => {
    const equals = spec.indexOf('=');
    return equals >= 0 && spec.slice(0, equals).trim() === 'b' ? spec.slice(0, equals + 1) : spec;
  });
  return text.slice(0, colon) + bare.join(';');
}

/**
 * The body as it is hashed (RFC 6376 §3.4.3, §3.4.4), in pieces; a piece is good until the next one is asked for. Empty
 * lines at the end do not count; a bare LF is no line end.
 */
export function* canonicalBody(content: Buffer, bodyStart: number, form: Canonicalization): Generator<Buffer> {
  const end = withoutTrailingLines(content, bodyStart, form);
  if (end === bodyStart) {
    if (form === 'simple') yield CRLF;
    return;
  }
  if (form === 'simple') {
    for (let at = bodyStart; at < end; at += PIECE_BYTES) yield content.subarray(at, Math.min(end, at + PIECE_BYTES));
  } else {
    yield* relaxedPieces(content, bodyStart, end);
  }
  yield CRLF;
}

/** Cut after a line end, so that no run of blanks lies in two pieces; a piece that is canonical already is not copied. */
function* relaxedPieces(content: Buffer, from: number, end: number): Generator<Buffer> {
  let at = from;
  while (at < end) {
    const lineEnd = at + PIECE_BYTES >= end ? end : content.lastIndexOf(LF, at + PIECE_BYTES - 1) + 1;
    const next = lineEnd > at ? lineEnd : end;
    const piece = content.subarray(at, next);
    if (next - at <= PIECE_BYTES && isRelaxed(piece)) yield piece;
    else yield* withBlanksReduced(content, at, next);
    at = next;
  }
}

function isRelaxed(piece: Buffer): boolean {
  // Looked for from the end, a blank at a line's end stops the search once a line, not at each blank.
  return !piece.includes('\t') && !piece.includes('  ') && piece.lastIndexOf(' \r\n') < 0;
}

function* withBlanksReduced(content: Buffer, from: number, end: number): Generator<Buffer> {
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - from) + 1);
  let used = 0;
  let blank = false;
  for (let i = from; i < end; i++) {
    const octet = content[i] as number;
    if (octet === SPACE || octet === TAB) {
      blank = true;
      continue;
    }
    if (blank) {
      // RFC 6376 §3.4.4: blanks before a line end go, others become one space.
      if (!(octet === CR && content[i + 1] === LF)) piece[used++] = SPACE;
      blank = false;
    }
    piece[used++] = octet;
    if (used >= piece.length - 1) {
      yield piece.subarray(0, used);
      used = 0;
    }
  }
  if (used > 0) yield piece.subarray(0, used);
}

/** Where the last line that is not empty ends, its own CRLF not included; in relaxed form blanks at the end of a line are nothing. */
function withoutTrailingLines(content: Buffer, bodyStart: number, form: Canonicalization): number {
  let end = content.length;
  for (;;) {
    if (form === 'relaxed') {
      while (end > bodyStart && (content[end - 1] === SPACE || content[end - 1] === TAB)) end--;
    }
    if (end - 2 < bodyStart || content[end - 1] !== LF || content[end - 2] !== CR) return end;
    end -= 2;
  }
}
