import type { ArgumentReader } from './lexer.ts';

/** Which capability brings each criterion: SORT (RFC 5256 §3), SORT=DISPLAY (RFC 5957 §3), SEARCH=FUZZY (RFC 6203 §5). */
const BROUGHT_BY = {
  ARRIVAL: 'SORT',
  CC: 'SORT',
  DATE: 'SORT',
  FROM: 'SORT',
  SIZE: 'SORT',
  SUBJECT: 'SORT',
  TO: 'SORT',
  DISPLAYFROM: 'SORT=DISPLAY',
  DISPLAYTO: 'SORT=DISPLAY',
  RELEVANCY: 'SEARCH=FUZZY',
} as const;

export type SortKey = keyof typeof BROUGHT_BY;

export interface SortCriterion {
  readonly key: SortKey;
  readonly reverse: boolean;
}

const isSortKey = (name: string): name is SortKey => Object.hasOwn(BROUGHT_BY, name);

/** `(SUBJECT REVERSE DATE)` */
export function readSortCriteria(args: ArgumentReader): SortCriterion[] {
  return args.list(() => {
    let name = args.keyword();
    const reverse = name === 'REVERSE';
    if (reverse) {
      args.space();
      name = args.keyword();
    }
    if (!isSortKey(name) || !args.offers(BROUGHT_BY[name])) return args.fail(`unknown sort criterion ${name}`);
    return { key: name, reverse };
  }, true);
}
