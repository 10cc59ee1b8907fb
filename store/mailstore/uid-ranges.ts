import { integerList } from './database.ts';

/** A page of UIDs and the condition that reads it. */
export interface UidPage {
  /** Ascending. */
  readonly uids: readonly number[];
  /** SQL on the column `uid`: exact, or a range when `exact` is false, of which other rows must be dropped. */
  readonly condition: string;
  readonly exact: boolean;
}

/** A range is read whole when at most this many times as many UIDs lie in it as are wanted. */
const MAX_SPREAD = 4;

/** Splits ascending UIDs into pages, each read by one statement: as a range where they lie close, else one by one. */
export function uidPages(uids: ArrayLike<number>, pageSize: number): UidPage[] {
  const pages: UidPage[] = [];
  for (let from = 0; from < uids.length; from += pageSize) {
    const page: number[] = [];
    for (let i = from; i < Math.min(from + pageSize, uids.length); i++) page.push(uids[i] as number);
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

/** UIDs in slices of at most `size`, in order. */
export function slicesOf(uids: ArrayLike<number>, size: number): number[][] {
  const slices: number[][] = [];
  for (let from = 0; from < uids.length; from += size) {
    const slice: number[] = [];
    for (let i = from; i < Math.min(from + size, uids.length); i++) slice.push(uids[i] as number);
    slices.push(slice);
  }
  return slices;
}

/** An exact condition for ascending UIDs: runs as BETWEEN, the rest as IN. */
export function uidRuns(uids: readonly number[]): string {
  const runs: string[] = [];
  const single: number[] = [];
  let start = 0;
  for (let i = 1; i <= uids.length; i++) {
    if (i < uids.length && uids[i] === (uids[i - 1] as number) + 1) continue;
    if (i - start < 3) single.push(...uids.slice(start, i));
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
