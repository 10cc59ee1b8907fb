/** First and last number, both included; in a resolved set first ≤ last. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** `*` in a parsed set: the largest number in use (RFC 9051 §9 seq-number). */
export const STAR = Number.POSITIVE_INFINITY;

/** A set of message numbers or UIDs as the client wrote it, or `$`, the saved result (RFC 5182). */
export interface SequenceSet {
  readonly saved: boolean;
  /** In the client's order; the ends of a range in either order; `*` is {@link STAR}. */
  readonly ranges: readonly NumberRange[];
}

const MAX_NUMBER = 0xffffffff;

/** RFC 9051 §9 sequence-set; undefined when the text is none. */
export function parseSequenceSet(text: string): SequenceSet | undefined {
  if (text === '$') return { saved: true, ranges: [] };
  const ranges: NumberRange[] = [];
  for (const piece of text.split(',')) {
    const colon = piece.indexOf(':');
    const first = seqNumber(colon < 0 ? piece : piece.slice(0, colon));
    const last = colon < 0 ? first : seqNumber(piece.slice(colon + 1));
    if (first === undefined || last === undefined) return undefined;
    ranges.push({ first, last });
  }
  return { saved: false, ranges };
}

function seqNumber(text: string): number | undefined {
  if (text === '*') return STAR;
  if (!/^[1-9]\d{0,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= MAX_NUMBER ? value : undefined;
}

/**
 * The set as ascending ranges that do not touch, with `*` replaced by `largest`. RFC 9051 §9: `2:4` and `4:2` are the
 * same, and `559:*` always holds the largest number, even when it is below 559.
 */
export function resolveRanges(set: SequenceSet, largest: number): NumberRange[] {
  if (largest === 0) return [];
  const ordered = set.ranges
    .map(({ first, last }) => {
      const a = first === STAR ? largest : first;
      const b = last === STAR ? largest : last;
      return a <= b ? { first: a, last: b } : { first: b, last: a };
    })
    .sort((x, y) => x.first - y.first);
  const out: { first: number; last: number }[] = [];
  for (const range of ordered) {
    const before = out[out.length - 1];
    if (before !== undefined && range.first <= before.last + 1) before.last = Math.max(before.last, range.last);
    else out.push({ ...range });
  }
  return out;
}

/** Whether a resolved set holds the number. */
export function rangesContain(ranges: readonly NumberRange[], value: number): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range === undefined) return false;
    if (value < range.first) high = middle - 1;
    else if (value > range.last) low = middle + 1;
    else return true;
  }
  return false;
}

/** `1:3,5` for 1, 2, 3, 5: neighbours in the given order are joined, the order is kept. The empty string for nothing. */
export function formatSequenceSet(numbers: Iterable<number>): string {
  const pieces: string[] = [];
  let first = -1;
  let last = -1;
  const close = (): void => {
    if (first >= 0) pieces.push(first === last ? String(first) : `${first}:${last}`);
  };
  for (const value of numbers) {
    if (value === last + 1 && first >= 0) {
      last = value;
    } else {
      close();
      first = value;
      last = value;
    }
  }
  close();
  return pieces.join(',');
}

/** `1:3,5` for ascending ranges that do not touch. The empty string for none. */
export function formatRanges(ranges: readonly NumberRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}:${last}`)).join(',');
}

/** Ascending numbers as ascending ranges that do not touch. */
export function rangesOf(numbers: Iterable<number>): NumberRange[] {
  const out: { first: number; last: number }[] = [];
  for (const value of numbers) {
    const before = out[out.length - 1];
    if (before !== undefined && value === before.last + 1) before.last = value;
    else out.push({ first: value, last: value });
  }
  return out;
}
