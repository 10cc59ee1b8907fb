import type { ArgumentReader } from './lexer.ts';
import { type PartialRange, readPartialRange } from './partial-range.ts';

/** What RETURN (…) of SEARCH, SORT and ESEARCH asks for (RFC 9051 §6.4.4, RFC 4731 §3.1, RFC 5267 §4, RFC 9394 §3.1). */
export interface SearchReturn {
  readonly min: boolean;
  readonly max: boolean;
  readonly all: boolean;
  readonly count: boolean;
  /** Keep the result as `$` (RFC 5182). */
  readonly save: boolean;
  /** Tell what joins and leaves the result (RFC 5267 §4.3). */
  readonly update: boolean;
  /** Scores of fuzzy matches (RFC 6203 §4). */
  readonly relevancy: boolean;
  readonly partial: PartialRange | undefined;
}

export const RETURN_ALL: SearchReturn = {
  min: false,
  max: false,
  all: true,
  count: false,
  save: false,
  update: false,
  relevancy: false,
  partial: undefined,
};

/**
 * `RETURN (MIN COUNT) ` if it comes next, with the space behind it; undefined when it does not come, or when its
 * capability is off.
 */
export function readSearchReturn(args: ArgumentReader, capability = 'ESEARCH'): SearchReturn | undefined {
  if (!args.peekText('RETURN (') || !args.offers(capability)) return undefined;
  args.expect('RETURN ');
  const names = new Set<string>();
  let partial: PartialRange | undefined;
  args.list(() => {
    const name = args.keyword();
    if (names.has(name)) args.fail(`${name} twice`);
    names.add(name);
    if (name === 'PARTIAL' && (args.offers('PARTIAL') || args.offers('CONTEXT=SEARCH'))) {
      args.space();
      partial = readPartialRange(args);
      // RFC 5267 §4.4 counts from the beginning alone.
      if (partial.fromEnd) args.require('PARTIAL', 'range');
      return;
    }
    const bringer = BROUGHT_BY[name];
    if (bringer === undefined || !args.offers(bringer)) args.fail(`unknown return option ${name}`);
  });
  args.space();
  // RFC 9394 §3.1: PARTIAL or ALL, not both.
  if (names.has('ALL') && partial !== undefined) args.fail('ALL and PARTIAL exclude each other');
  const asked = ['MIN', 'MAX', 'COUNT', 'ALL', 'PARTIAL'].some((name) => names.has(name));
  return {
    min: names.has('MIN'),
    max: names.has('MAX'),
    count: names.has('COUNT'),
    // RFC 4731 §3.1: an empty list is ALL; SAVE alone is answered by nothing (RFC 5182 §2.1).
    all: names.has('ALL') || (!asked && !names.has('SAVE')),
    save: names.has('SAVE'),
    update: names.has('UPDATE'),
    relevancy: names.has('RELEVANCY'),
    partial,
  };
}

const BROUGHT_BY: Readonly<Record<string, string>> = {
  MIN: 'ESEARCH',
  MAX: 'ESEARCH',
  ALL: 'ESEARCH',
  COUNT: 'ESEARCH',
  SAVE: 'SEARCHRES',
  UPDATE: 'CONTEXT=SEARCH',
  CONTEXT: 'CONTEXT=SEARCH',
  RELEVANCY: 'SEARCH=FUZZY',
};
