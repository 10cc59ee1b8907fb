import type { Comparator } from './comparator.ts';

/** One character of a pattern: literal text, or any single character. */
type Piece = string | undefined;

interface Segment {
  /** The literal, when there is no `?` in it. */
  readonly literal: string | undefined;
  readonly pieces: readonly Piece[];
}

/** Most wildcards whose text is kept. */
const MAX_CAPTURES = 32;

/**
 * A pattern of `:matches` (RFC 5228 §2.7.1). Matching is linear in the text for each segment between stars: every star takes as
 * little as it can, so the leftmost place of each segment is the right one, and nothing is ever tried again.
 */
export class Glob {
  readonly #comparator: Comparator;
  readonly #pattern: string;
  readonly #hasQuestionMark: boolean;
  #segments: { readonly folded: readonly Segment[]; readonly octets: boolean } | undefined;

  constructor(pattern: string, comparator: Comparator) {
    this.#pattern = pattern;
    this.#comparator = comparator;
    this.#hasQuestionMark = /\?/.test(pattern.replace(/\\./gs, ''));
  }

  /** What each wildcard stands for, after the whole; undefined if it does not match. */
  match(text: string): string[] | undefined {
    const octets = this.#comparator.countsOctets && this.#hasQuestionMark && /[^\x00-\x7f]/.test(text);
    const segments = this.#compiled(octets);
    if (octets) {
      const bytes = Buffer.from(text).toString('latin1');
      const found = matchSegments(segments, this.#comparator.fold(bytes), [], bytes);
      return found?.map((piece) => Buffer.from(piece, 'latin1').toString('utf8'));
    }
    const folded = this.#comparator.fold(text);
    const origins = folded.length === text.length ? [] : originsOf(text, this.#comparator, folded);
    return matchSegments(segments, folded, origins, text);
  }

  #compiled(octets: boolean): readonly Segment[] {
    if (this.#segments?.octets !== octets) {
      const pattern = octets ? Buffer.from(this.#pattern).toString('latin1') : this.#pattern;
      this.#segments = { octets, folded: segmentsOf(pattern, this.#comparator) };
    }
    return this.#segments.folded;
  }
}

function segmentsOf(pattern: string, comparator: Comparator): Segment[] {
  const segments: Piece[][] = [[]];
  let literal = '';
  const endLiteral = (): void => {
    if (literal !== '') segments.at(-1)?.push(...comparator.fold(literal));
    literal = '';
  };
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] as string;
    if (c === '\\' && i + 1 < pattern.length) {
      literal += pattern[++i];
    } else if (c === '*' || c === '?') {
      endLiteral();
      if (c === '*') segments.push([]);
      else segments.at(-1)?.push(undefined);
    } else {
      literal += c;
    }
  }
  endLiteral();
  return segments.map((pieces) => ({
    pieces,
    literal: pieces.every((piece) => piece !== undefined) ? pieces.join('') : undefined,
  }));
}

function matchSegments(
  segments: readonly Segment[],
  folded: string,
  origins: readonly number[],
  original: string,
): string[] | undefined {
  const captures: string[] = [original];
  const keep = (start: number, end: number): void => {
    if (captures.length > MAX_CAPTURES) return;
    const from = origins[start] ?? start;
    captures.push(original.slice(from, origins[end] ?? end));
  };
  const first = segments[0] as Segment;
  const isWhole = segments.length === 1;
  let position = endOf(first, folded, 0, keep);
  if (position < 0 || (isWhole && position !== folded.length)) return undefined;
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i] as Segment;
    const start =
      i === segments.length - 1 ? lastPlace(segment, folded, position) : nextPlace(segment, folded, position);
    if (start < 0) return undefined;
    keep(position, start);
    position = endOf(segment, folded, start, keep);
  }
  return captures;
}

/** Where the segment ends if it stands at `at`; -1 if it does not. */
function endOf(segment: Segment, text: string, at: number, keep?: (start: number, end: number) => void): number {
  if (segment.literal !== undefined) return text.startsWith(segment.literal, at) ? at + segment.literal.length : -1;
  let position = at;
  const marks: [number, number][] = [];
  for (const piece of segment.pieces) {
    if (position >= text.length) return -1;
    if (piece === undefined) {
      const next = position + widthAt(text, position);
      marks.push([position, next]);
      position = next;
    } else if (text.startsWith(piece, position)) {
      position += piece.length;
    } else {
      return -1;
    }
  }
  if (keep !== undefined) for (const [start, end] of marks) keep(start, end);
  return position;
}

function nextPlace(segment: Segment, text: string, from: number): number {
  if (segment.literal !== undefined) return text.indexOf(segment.literal, from);
  for (let start = from; start <= text.length; start++) if (endOf(segment, text, start) >= 0) return start;
  return -1;
}

/** The place of the last segment: it ends with the text. */
function lastPlace(segment: Segment, text: string, from: number): number {
  const { literal } = segment;
  if (literal !== undefined) {
    const start = text.length - literal.length;
    return start >= from && text.endsWith(literal) ? start : -1;
  }
  // A `?` may be two code units wide.
  const widest = segment.pieces.reduce((sum, piece) => sum + (piece?.length ?? 2), 0);
  for (let start = Math.max(from, text.length - widest); start <= text.length; start++) {
    if (endOf(segment, text, start) === text.length) return start;
  }
  return -1;
}

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
}

/** For each place of the folded text, where it came from; folding changes lengths beyond US-ASCII alone. */
function originsOf(text: string, comparator: Comparator, folded: string): number[] {
  const origins: number[] = [];
  let at = 0;
  for (const character of text) {
    const { length } = comparator.fold(character);
    for (let i = 0; i < length; i++) origins.push(at);
    at += character.length;
  }
  origins.length = Math.min(origins.length, folded.length);
  origins.push(text.length);
  return origins;
}
