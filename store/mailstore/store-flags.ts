import { integerList, type SqlValue } from './database.ts';
import { ALL_SYSTEM_FLAGS, DELETED, SEEN } from './flags.ts';
import {
  KEYWORD_COLUMNS,
  type KeywordBits,
  type Keywords,
  keywordLiteral,
  MORE_BIT,
  MORE_LITERAL,
  NO_MORE,
  readMoreKeywords,
} from './keywords.ts';
import type { FlagChange, StoreFlagsResult } from './mailstore.ts';
import { insertRowsLater } from './queued-transaction.ts';
import { Abandon } from './transaction.ts';
import { uidPages, uidRuns } from './uid-ranges.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

const PAGE = 5000;

interface FlaggedRow {
  readonly uid: number;
  readonly flags: number;
  readonly keywords: KeywordBits;
  readonly modSeq: number;
}

/** One slice of STORE under the locks of the scope (RFC 9051 §6.4.6, RFC 7162 §3.1.3). The mailbox is locked. */
export async function storeFlags(
  scope: WriteScope,
  keywords: Keywords,
  mailbox: LockedMailbox,
  uids: ArrayLike<number>,
  change: FlagChange,
): Promise<StoreFlagsResult | Abandon<StoreFlagsResult>> {
  const define = change.how !== 'remove';
  const bits = await keywords.bitsOf(scope.transaction, mailbox.ownerId, change.flags.keywords, define);
  if (bits === undefined) return new Abandon({ kind: 'too-many-keywords' });
  const system = change.flags.system & ALL_SYSTEM_FLAGS;
  const changed: number[] = [];
  const modified: number[] = [];
  const previousHighest = mailbox.highestModSeq;
  for (const page of uidPages(uids, PAGE)) {
    const wanted = page.exact ? undefined : new Set(page.uids);
    const rows = await readRows(scope, mailbox.id, page.condition);
    const toChange: number[] = [];
    for (const row of rows) {
      if (wanted !== undefined && !wanted.has(row.uid)) continue;
      if (change.unchangedSince !== undefined && row.modSeq > change.unchangedSince) {
        modified.push(row.uid);
        continue;
      }
      const next = flagsAfter(row.flags, change.how, system);
      if (next === row.flags && keywordsStay(row.keywords, change.how, bits)) continue;
      toChange.push(row.uid);
      mailbox.unseen += Number((next & SEEN) === 0) - Number((row.flags & SEEN) === 0);
      mailbox.deleted += Number((next & DELETED) !== 0) - Number((row.flags & DELETED) !== 0);
    }
    if (toChange.length === 0) continue;
    const exact = rows.length === toChange.length ? page.condition : uidRuns(toChange);
    const condition = `mailbox_id = ${mailbox.id} AND ${exact}`;
    const set = assignment(change.how, system, bits);
    await scope.transaction.later(`UPDATE message SET ${set}, modseq = ${scope.modSeqFor(mailbox)} WHERE ${condition}`);
    const marked = rows.some((row) => (row.keywords.high & MORE_BIT) !== 0);
    await storeMoreKeywords(scope, mailbox.id, condition, toChange, change.how, bits, marked);
    for (const uid of toChange) changed.push(uid);
  }
  if (changed.length === 0) {
    return new Abandon({ kind: 'stored', modSeqs: [previousHighest], changed, modified });
  }
  await scope.save();
  return { kind: 'stored', modSeqs: [mailbox.highestModSeq], changed, modified };
}

async function readRows(scope: WriteScope, mailboxId: number, condition: string): Promise<FlaggedRow[]> {
  const rows = await scope.transaction.rowsOnce(
    `SELECT uid, flags, ${KEYWORD_COLUMNS}, modseq FROM message
     WHERE mailbox_id = ${integerList([mailboxId])} AND ${condition} ORDER BY uid`,
  );
  const marked = rows.some(([, , , high]) => ((high as number) & MORE_BIT) !== 0);
  const more = marked ? await readMoreKeywords(scope.transaction, mailboxId, condition) : undefined;
  return (rows as [number, number, number, number, number][]).map(([uid, flags, low, high, modSeq]) => ({
    uid,
    flags,
    keywords: { low, high, more: more?.get(uid) ?? NO_MORE },
    modSeq,
  }));
}

function flagsAfter(flags: number, how: FlagChange['how'], system: number): number {
  if (how === 'set') return system;
  return how === 'add' ? flags | system : flags & ~system;
}

/** Whether the change leaves a message's keywords as they are. */
function keywordsStay(has: KeywordBits, how: FlagChange['how'], given: KeywordBits): boolean {
  const high = has.high & ~MORE_BIT;
  const common = given.more.filter((no) => has.more.includes(no)).length;
  switch (how) {
    case 'set':
      return (
        has.low === given.low && high === (given.high | 0) && common === given.more.length && common === has.more.length
      );
    case 'add':
      return (given.low & ~has.low) === 0 && (given.high & ~high) === 0 && common === given.more.length;
    case 'remove':
      return (given.low & has.low) === 0 && (given.high & high) === 0 && common === 0;
  }
}

/** The mark of further keywords stays when they are removed: it only says where to look. */
function assignment(how: FlagChange['how'], system: number, bits: KeywordBits): string {
  const keywords = keywordLiteral(bits);
  switch (how) {
    case 'set':
      return `flags = ${system}, keywords = ${keywords}`;
    case 'add':
      return `flags = flags | ${system}, keywords = keywords | ${keywords}`;
    case 'remove':
      return `flags = flags & ~${system}, keywords = keywords & (~${keywords} | ${MORE_LITERAL})`;
  }
}

async function storeMoreKeywords(
  scope: WriteScope,
  mailboxId: number,
  condition: string,
  uids: readonly number[],
  how: FlagChange['how'],
  bits: KeywordBits,
  marked: boolean,
): Promise<void> {
  const { transaction } = scope;
  const numbers = integerList(bits.more);
  if (how === 'set' && marked) await transaction.later(`DELETE FROM message_keyword WHERE ${condition}`);
  if (bits.more.length === 0) return;
  if (how === 'remove') {
    if (marked) {
      await transaction.later(`DELETE FROM message_keyword WHERE ${condition} AND keyword_no IN (${numbers})`);
    }
    return;
  }
  const rows: SqlValue[][] = uids.flatMap((uid) => bits.more.map((no) => [mailboxId, uid, no]));
  await insertRowsLater(transaction, 'INSERT IGNORE INTO message_keyword (mailbox_id, uid, keyword_no)', rows);
}
