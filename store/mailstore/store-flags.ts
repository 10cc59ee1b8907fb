import { integerList } from './database.ts';
import { ALL_SYSTEM_FLAGS, DELETED, SEEN } from './flags.ts';
import { KEYWORD_COLUMNS, type KeywordBits, type Keywords, keywordLiteral } from './keywords.ts';
import type { FlagChange, StoreFlagsResult } from './mailstore.ts';
import { Abandon } from './transaction.ts';
import { uidPages, uidRuns } from './uid-ranges.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

const PAGE = 2000;

interface FlaggedRow {
  readonly uid: number;
  readonly flags: number;
  readonly low: number;
  readonly high: number;
  readonly modSeq: number;
}

/** STORE under the locks of the scope (RFC 9051 §6.4.6, RFC 7162 §3.1.3). The mailbox is locked. */
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
      const next = applied(row, change.how, system, bits);
      if (next.flags === row.flags && next.low === row.low && next.high === row.high) continue;
      toChange.push(row.uid);
      mailbox.unseen += Number((next.flags & SEEN) === 0) - Number((row.flags & SEEN) === 0);
      mailbox.deleted += Number((next.flags & DELETED) !== 0) - Number((row.flags & DELETED) !== 0);
    }
    if (toChange.length === 0) continue;
    const modSeq = scope.modSeqFor(mailbox);
    const exact = rows.length === toChange.length ? page.condition : uidRuns(toChange);
    await scope.transaction.changeOnce(
      `UPDATE message SET ${assignment(change.how, system, keywordLiteral(bits))}, modseq = ${modSeq}
       WHERE mailbox_id = ${mailbox.id} AND ${exact}`,
    );
    for (const uid of toChange) changed.push(uid);
  }
  if (changed.length === 0) {
    return new Abandon({ kind: 'stored', modSeq: previousHighest, changed, modified });
  }
  await scope.save();
  return { kind: 'stored', modSeq: mailbox.highestModSeq, changed, modified };
}

async function readRows(scope: WriteScope, mailboxId: number, condition: string): Promise<FlaggedRow[]> {
  const rows = await scope.transaction.rowsOnce(
    `SELECT uid, flags, ${KEYWORD_COLUMNS}, modseq FROM message
     WHERE mailbox_id = ${integerList([mailboxId])} AND ${condition} ORDER BY uid`,
  );
  return (rows as [number, number, number, number, number][]).map(([uid, flags, low, high, modSeq]) => ({
    uid,
    flags,
    low,
    high,
    modSeq,
  }));
}

function applied(
  row: FlaggedRow,
  how: FlagChange['how'],
  system: number,
  bits: KeywordBits,
): { readonly flags: number; readonly low: number; readonly high: number } {
  switch (how) {
    case 'set':
      return { flags: system, low: bits.low, high: bits.high };
    case 'add':
      return { flags: row.flags | system, low: (row.low | bits.low) >>> 0, high: (row.high | bits.high) >>> 0 };
    case 'remove':
      return { flags: row.flags & ~system, low: (row.low & ~bits.low) >>> 0, high: (row.high & ~bits.high) >>> 0 };
  }
}

function assignment(how: FlagChange['how'], system: number, keywords: string): string {
  switch (how) {
    case 'set':
      return `flags = ${system}, keywords = ${keywords}`;
    case 'add':
      return `flags = flags | ${system}, keywords = keywords | ${keywords}`;
    case 'remove':
      return `flags = flags & ~${system}, keywords = keywords & ~${keywords}`;
  }
}
