import { integerList } from './database.ts';

/** A page of UIDs and the condition that reads it. */
export interface UidPage {
  /** Ascending. */
  readonly uids: Uint32Array;
  /** SQL on the column `uid`: exact, or a range when `exact` is false, of which other rows must be dropped. */
  readonly condition: string;
  readonly exact: boolean;
}

/** A range is read whole when at most this many times as many UIDs lie in it as are wanted. */
const MAX_SPREAD = 4;

/** Splits ascending UIDs into pages, each read by one statement: as a range where they lie close, else one by one. */
export function uidPages(uids: ArrayLike<number>, pageSize: number): UidPage[] {
  const pages: UidPage[] = [];
  for (const page of slicesOf(uids, pageSize)) {
    const first = page[0] as number;
    const last = page.at(-1) as number;
    const span = last - first + 1;
    if (span <= page.length * MAX_SPREAD) {
      pages.push({ uids: page, condition: between(first, last), exact: span === page.length });
    } else {
      pages.push({ uids: page, condition: uidRuns(page), exact: true });
    }
  }
  return pages;
}

/** UIDs in slices of at most `size`, in order; they share their memory, and that of UIDs which are typed already. */
export function slicesOf(uids: ArrayLike<number>, size: number): Uint32Array[] {
  const all = uids instanceof Uint32Array ? uids : Uint32Array.from(uids);
  const slices: Uint32Array[] = [];
  for (let from = 0; from < all.length; from += size) slices.push(all.subarray(from, from + size));
  return slices;
}

/** An exact condition for ascending UIDs: runs as BETWEEN, the rest as IN. */
export function uidRuns(uids: ArrayLike<number>): string {
  const runs: string[] = [];
  const single: number[] = [];
  let start = 0;
  for (let i = 1; i <= uids.length; i++) {
    if (i < uids.length && uids[i] === (uids[i - 1] as number) + 1) continue;
    if (i - start < 3) for (let at = start; at < i; at++) single.push(uids[at] as number);
    else runs.push(between(uids[start] as number, uids[i - 1] as number));
    start = i;
  }
  if (single.length > 0) runs.push(`uid IN (${integerList(single)})`);
  return runs.length === 0 ? 'uid IN (0)' : `(${runs.join(' OR ')})`;
}

function between(first: number, last: number): string {
  return first === last
    ? `uid = ${integerList([first])}`
    : `uid BETWEEN ${integerList([first])} AND ${integerList([last])}`;
}
