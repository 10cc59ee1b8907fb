import type { SearchKey, SearchProgram } from './codec/search-key.ts';
import { RETURN_ALL } from './codec/search-return.ts';
import { bad, type Completion, no } from './completion.ts';
import type { Numbering } from './message-set.ts';
import { MAX_CONTEXTS, makeContext } from './search-context.ts';
import { search, searchAmong, strict } from './search-evaluation.ts';
import { asksModSeq, type SearchResult, savedOf, writeEsearch, writeNumberList } from './search-response.ts';
import type { Session } from './session.ts';

const CHARSETS: ReadonlySet<string> = new Set(['US-ASCII', 'UTF-8']);
/** A fuzzy match that is none in the strict sense (RFC 6203 §4: 1 to 100). */
const LOOSE_SCORE = 50;
const STRICT_SCORE = 100;

/** The answer to a charset that is not known here, or that the client gave up the right to name. */
export function charsetFault(
  session: Session,
  { charset }: SearchProgram,
  options: { readonly mandatory?: boolean } = {},
): Completion | undefined {
  if (charset === undefined) return undefined;
  // RFC 6855 §3: after ENABLE UTF8=ACCEPT there is one charset; SORT and THREAD must name one all the same.
  if (options.mandatory !== true && session.enabled.has('UTF8=ACCEPT'))
    return bad('No CHARSET once UTF8=ACCEPT is enabled');
  if (!CHARSETS.has(charset)) return no(`BADCHARSET (${[...CHARSETS].join(' ')})`, 'Charset not supported');
  return undefined;
}

/** Sequence numbers of what matches, ascending. */
export async function find(session: Session, numbering: Numbering, key: SearchKey): Promise<number[]> {
  if (asksModSeq(key)) session.enableCondstore();
  return session.whileWorking(search(session.mailstore, numbering, key));
}

/** RFC 5182 §2.1: keeps the result as `$`, where the client asked for that. `found` in the order of the answer. */
export function keep(session: Session, { returns }: SearchProgram, found: readonly number[]): void {
  if (returns?.save !== true) return;
  const { view } = session.selected;
  session.selected.saved = savedOf(returns, found)
    .map((sequence) => view.uidAt(sequence) ?? 0)
    .sort((a, b) => a - b);
}

/** Writes the untagged response. `found` are sequence numbers in the order in which they are told. */
export async function answer(
  session: Session,
  name: 'SEARCH' | 'SORT',
  program: SearchProgram,
  found: readonly number[],
  uid: boolean,
): Promise<void> {
  const result = await resultOf(session, session.selected, program, found, uid);
  const { returns } = program;
  if (returns !== undefined) {
    // RFC 5182 §2.1: SAVE alone is answered by nothing.
    const { min, max, all, count, partial } = returns;
    if (min || max || all || count || partial !== undefined) writeEsearch(session, returns, result);
  } else if (name === 'SEARCH' && session.rev2) writeEsearch(session, RETURN_ALL, result);
  else await writeNumberList(session, name, result);
}

/** What the response tells of the messages found: their numbers, and what else was asked for. */
export async function resultOf(
  session: Session,
  numbering: Numbering,
  { key, returns }: Pick<SearchProgram, 'key' | 'returns'>,
  found: readonly number[],
  uid: boolean,
): Promise<SearchResult> {
  const { view } = numbering;
  const { uids, modSeqs } = view.columns;
  const numbers = uid ? found.map((sequence) => uids[sequence - 1] ?? 0) : found;
  const ofModSeqs = asksModSeq(key) ? found.map((sequence) => modSeqs[sequence - 1] ?? 0) : [];
  let scores: readonly number[] = [];
  if (returns?.relevancy === true) scores = await scoresOf(session, numbering, key, found);
  return { numbers, modSeqs: ofModSeqs, scores, uid };
}

/** RFC 6203 §4: what would match without FUZZY scores highest. */
export async function scoresOf(
  session: Session,
  numbering: Numbering,
  key: SearchKey,
  found: readonly number[],
): Promise<number[]> {
  const ascending = [...found].sort((a, b) => a - b);
  const exact = new Set(await searchAmong(session.mailstore, numbering, strict(key), ascending));
  return found.map((sequence) => (exact.has(sequence) ? STRICT_SCORE : LOOSE_SCORE));
}

/** RFC 5267 §4.3 UPDATE: following the result of a search. */
export const follow = {
  /** A tag that is in use for another context cannot name a second one. */
  refused(session: Session, { returns }: SearchProgram): Completion | undefined {
    return returns?.update === true && session.selected.contexts.has(session.tag) ? bad('Tag reuse') : undefined;
  },
  begin(session: Session, { returns, key }: SearchProgram, found: readonly number[], uid: boolean): void {
    if (returns?.update !== true) return;
    const { selected, tag } = session;
    if (selected.contexts.size >= MAX_CONTEXTS) {
      session.out.line(`* NO [NOUPDATE "${tag}"] Too many contexts`);
      return;
    }
    selected.contexts.set(tag, makeContext(selected, { tag, uid, key, found }));
  },
};
