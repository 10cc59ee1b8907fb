import { NUMBER_OCTETS, putNumber } from '../connection/octets.ts';
import { PIECE_BYTES } from '../connection/piece-writer.ts';
import { partOf } from './codec/partial-range.ts';
import type { SearchKey } from './codec/search-key.ts';
import { someKey } from './codec/search-key.ts';
import type { SearchReturn } from './codec/search-return.ts';
import { formatSequenceSet } from './codec/sequence-set.ts';
import type { Session } from './session.ts';

/** Numbers written between two looks at the piece. */
const NUMBERS_A_STROKE = 500;
const SPACE = 0x20;

/** The messages that a search found, in the order in which they are told. */
export interface SearchResult {
  /** Sequence numbers, or UIDs where `uid`. */
  readonly numbers: readonly number[];
  /** The mod-sequence of each, when the search asked for it (RFC 7162 §3.1.5); empty if not. */
  readonly modSeqs: readonly number[];
  /** How well each matches, 1 to 100, when that was asked for (RFC 6203 §4); empty if not. */
  readonly scores: readonly number[];
  readonly uid: boolean;
}

export const asksModSeq = (key: SearchKey): boolean => someKey(key, ({ kind }) => kind === 'modseq');

/** `* SEARCH 2 84 882 (MODSEQ 917162500)`, or SORT (RFC 3501 §7.2.5, RFC 5256 §4, RFC 7162 §3.1.5). */
export async function writeNumberList(session: Session, name: 'SEARCH' | 'SORT', result: SearchResult): Promise<void> {
  const { out } = session;
  out.text('* ').text(name);
  const { numbers } = result;
  for (let from = 0; from < numbers.length; from += NUMBERS_A_STROKE) {
    const to = Math.min(from + NUMBERS_A_STROKE, numbers.length);
    const piece = out.reserve((to - from) * (NUMBER_OCTETS + 1));
    let { at } = out;
    for (let row = from; row < to; row += 1) {
      piece[at] = SPACE;
      at = putNumber(piece, at + 1, numbers[row] as number);
    }
    out.advanceTo(at);
    if (out.pendingBytes >= PIECE_BYTES) await session.flow();
  }
  if (numbers.length > 0 && result.modSeqs.length > 0) out.text(` (MODSEQ ${highest(result.modSeqs)})`);
  out.text('\r\n');
}

/**
 * The ESEARCH response (RFC 9051 §7.3.4, RFC 4731 §3.1).
 *
 * @param correlator what stands in the first parentheses beside the tag, with a space before it (RFC 7377 §2.1)
 */
export function writeEsearch(session: Session, returns: SearchReturn, result: SearchResult, correlator = ''): void {
  const { numbers, scores } = result;
  const pieces: string[] = [];
  const told = new Set<number>();
  const extreme = (name: 'MIN' | 'MAX'): void => {
    const index = placeOf(name, numbers);
    pieces.push(`${name} ${numbers[index]}`);
    told.add(index);
  };
  if (returns.min && numbers.length > 0) extreme('MIN');
  if (returns.max && numbers.length > 0) extreme('MAX');
  if (returns.count) pieces.push(`COUNT ${numbers.length}`);
  const part = returns.partial && partOf(numbers, returns.partial);
  if (returns.all && numbers.length > 0) pieces.push(`ALL ${formatSequenceSet(numbers)}`);
  if (returns.partial !== undefined && part !== undefined) {
    pieces.push(`PARTIAL (${returns.partial.text} ${part.length === 0 ? 'NIL' : formatSequenceSet(part)})`);
  }
  if (result.modSeqs.length > 0 && numbers.length > 0) {
    // RFC 4731 §3.2: with MIN and MAX alone, of those two; else the highest of all that was found.
    const some = !returns.all && !returns.count && part === undefined && told.size > 0;
    const of = some ? [...told].map((index) => result.modSeqs[index] ?? 0) : result.modSeqs;
    pieces.push(`MODSEQ ${highest(of)}`);
  }
  if (returns.relevancy && numbers.length > 0) {
    const shown = returns.partial === undefined ? scores : partOf(scores, returns.partial);
    pieces.push(`RELEVANCY (${shown.join(' ')})`);
  }
  const uid = result.uid ? ' UID' : '';
  const data = pieces.length === 0 ? '' : ` ${pieces.join(' ')}`;
  session.out.line(`* ESEARCH (TAG "${session.tag}"${correlator})${uid}${data}`);
}

/**
 * What `$` names after a search (RFC 5182 §2.4, RFC 9394 §3.2): all that was found, unless MIN, MAX or PARTIAL alone were
 * asked for. In the order of the result.
 */
export function savedOf(returns: SearchReturn, numbers: readonly number[]): readonly number[] {
  const some = returns.min || returns.max || returns.partial !== undefined;
  if (!some || returns.all || returns.count || numbers.length === 0) return numbers;
  const kept = new Set(returns.partial === undefined ? [] : partOf(numbers, returns.partial));
  if (returns.min) kept.add(numbers[placeOf('MIN', numbers)] ?? 0);
  if (returns.max) kept.add(numbers[placeOf('MAX', numbers)] ?? 0);
  return numbers.filter((number) => kept.has(number));
}

/** RFC 5267 §3.1: in a sorted result MIN is its first and MAX its last; in a search these are the lowest and highest. */
function placeOf(name: 'MIN' | 'MAX', numbers: readonly number[]): number {
  return name === 'MIN' ? 0 : numbers.length - 1;
}

function highest(modSeqs: readonly number[]): number {
  let found = 0;
  for (const modSeq of modSeqs) found = Math.max(found, modSeq);
  return found;
}
