import { type Database, integerList, type SqlRunner, type SqlValue } from './database.ts';
import { insertRowsLater, type Transaction } from './queued-transaction.ts';

/**
 * Where messages that a reader knew may have changed: ranges of UIDs by mod-sequence (table `message_change`). A range may hold messages
 * that did not change; the message's own mod-sequence decides. New messages are found by their UIDs and have no rows here, but
 * for copies, which change an email that was there.
 */
export interface UidRange {
  readonly first: number;
  readonly last: number;
}

/** Transactions of an account for which rows are kept. */
const KEPT_MODSEQS = 10_000;
/** Who is further behind reads the mailbox anew: well before rows go that would be missed. */
const MOST_BEHIND = 5_000;
/** Most ranges of one transaction in one mailbox, and of one question. */
const MOST_WRITTEN = 16;
const MOST_READ = 200;
const SLICE = 5_000;

/** Notes ranges that a transaction changed in a mailbox. */
export async function writeMessageChanges(
  transaction: Transaction,
  mailboxId: number,
  modSeq: number,
  ranges: readonly UidRange[],
): Promise<void> {
  await insertRowsLater(
    transaction,
    'INSERT INTO message_change (mailbox_id, modseq, first_uid, last_uid)',
    joined(ranges, MOST_WRITTEN).map(({ first, last }): SqlValue[] => [mailboxId, modSeq, first, last]),
  );
}

/** Runs of ascending UIDs; one range over all when they lie too scattered. */
export function rangesOfUids(uids: ArrayLike<number>): UidRange[] {
  const ranges: UidRange[] = [];
  for (let i = 0; i < uids.length; ) {
    const first = uids[i] as number;
    let last = first;
    for (i += 1; i < uids.length && uids[i] === last + 1; i += 1) last += 1;
    ranges.push({ first, last });
    if (ranges.length > MOST_READ) return [{ first: uids[0] as number, last: uids[uids.length - 1] as number }];
  }
  return ranges;
}

/**
 * SQL on the column `uid` for messages that may have changed since a mod-sequence, or are new; undefined when the rows do not reach
 * back that far.
 *
 * @param uidNext the first UID that the reader does not know
 */
export async function changedUids(
  database: Database,
  mailbox: { readonly id: number; readonly ownerId: number },
  known: number,
  uidNext: number,
): Promise<string | undefined> {
  const rows = await database.rows(
    // Without CAST the columns of a UNION become decimals.
    `SELECT first_uid, CAST(last_uid AS UNSIGNED) FROM message_change WHERE mailbox_id = ? AND modseq > ?
     UNION ALL SELECT CAST(0 AS UNSIGNED), modseq FROM account WHERE id = ?`,
    [mailbox.id, known, mailbox.ownerId],
  );
  const ranges: UidRange[] = [];
  for (const [first, last] of rows as [number, number][]) {
    if (first > 0) ranges.push({ first, last });
    else if (isTooFarBehind(known, last)) return undefined;
  }
  return conditionOf(ranges, `uid >= ${integerList([uidNext])}`);
}

/**
 * The same for several mailboxes of an account, without new emails; undefined also when more than `most` messages may have changed.
 *
 * @param mailboxes their ids as {@link integerList} writes them, and the account's mod-sequence, read before
 */
export async function changedUidsOfAll(
  sql: SqlRunner,
  mailboxes: { readonly ids: string; readonly modSeq: number },
  known: number,
  most: number,
): Promise<{ readonly mailboxId: number; readonly condition: string }[] | undefined> {
  if (isTooFarBehind(known, mailboxes.modSeq)) return undefined;
  const rows = await sql.rowsOnce(
    // With the ids in a list the rows are a range of the key; joined to their mailboxes, all rows of each would be read.
    `SELECT mailbox_id, first_uid, last_uid FROM message_change
     WHERE mailbox_id IN (${mailboxes.ids}) AND modseq > ${integerList([known])} LIMIT ${MOST_READ}`,
  );
  if (rows.length === MOST_READ) return undefined;
  const ranges = new Map<number, UidRange[]>();
  let messages = 0;
  for (const [mailboxId, first, last] of rows as [number, number, number][]) {
    messages += last - first + 1;
    ranges.set(mailboxId, [...(ranges.get(mailboxId) ?? []), { first, last }]);
  }
  if (messages > most) return undefined;
  return [...ranges].map(([mailboxId, own]) => ({ mailboxId, condition: conditionOf(own) }));
}

const isTooFarBehind = (known: number, modSeq: number): boolean => known < modSeq - MOST_BEHIND;

function conditionOf(ranges: readonly UidRange[], ...more: readonly string[]): string {
  const conditions = joined(ranges, MOST_READ).map(
    ({ first, last }) => `uid BETWEEN ${integerList([first])} AND ${integerList([last])}`,
  );
  return `(${[...more, ...conditions].join(' OR ')})`;
}

/** Removes rows that nobody asks for any more. */
export async function forgetMessageChanges(database: Database): Promise<void> {
  let affected = SLICE;
  while (affected === SLICE) {
    const rows = await database.rowsOnce(
      `SELECT c.mailbox_id, c.modseq, c.first_uid FROM message_change c
         LEFT JOIN mailbox b ON b.id = c.mailbox_id LEFT JOIN account a ON a.id = b.owner_id
       WHERE a.id IS NULL OR c.modseq + ${KEPT_MODSEQS} < a.modseq LIMIT ${SLICE}`,
    );
    affected = rows.length;
    if (affected === 0) return;
    const keys = (rows as number[][]).map((row) => `(${integerList(row)})`).join(',');
    await database.changeOnce(`DELETE FROM message_change WHERE (mailbox_id, modseq, first_uid) IN (${keys})`);
  }
}

/** The ranges without overlaps, in order; with too many of them one over all. */
function joined(ranges: readonly UidRange[], most: number): UidRange[] {
  const sorted = [...ranges].sort((a, b) => a.first - b.first);
  const result: { first: number; last: number }[] = [];
  for (const { first, last } of sorted) {
    const before = result.at(-1);
    if (before === undefined || first > before.last + 1) result.push({ first, last });
    else before.last = Math.max(before.last, last);
  }
  const [lowest] = result;
  const highest = result.at(-1);
  if (result.length <= most || lowest === undefined || highest === undefined) return result;
  return [{ first: lowest.first, last: highest.last }];
}
