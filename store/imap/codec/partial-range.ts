import type { ArgumentReader } from './lexer.ts';

/** RFC 9394 §4 partial-range: places in a result, from 1, counted from its beginning or from its end. */
export interface PartialRange {
  readonly first: number;
  readonly last: number;
  readonly fromEnd: boolean;
  /** As the client wrote it: the answer repeats it. */
  readonly text: string;
}

/** `1:500`, or `-1:-100` for the last hundred; both ends in either order. */
export function readPartialRange(args: ArgumentReader): PartialRange {
  const fromEnd = args.take('-');
  const a = args.nzNumber();
  args.expect(':');
  if (fromEnd) args.expect('-');
  const b = args.nzNumber();
  const sign = fromEnd ? '-' : '';
  return { first: Math.min(a, b), last: Math.max(a, b), fromEnd, text: `${sign}${a}:${sign}${b}` };
}

/** The items at these places, in their order. */
export function partOf<T>(items: readonly T[], range: PartialRange): T[] {
  const { first, last, fromEnd } = range;
  return fromEnd
    ? items.slice(Math.max(0, items.length - last), Math.max(0, items.length - first + 1))
    : items.slice(first - 1, last);
}
