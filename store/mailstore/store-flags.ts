import { integerList, type SqlValue } from './database.ts';
import { ALL_SYSTEM_FLAGS, DELETED, SEEN } from './flags.ts';
import {
  KEYWORD_COLUMNS,
  type KeywordBits,
  type Keywords,
  keywordLiteral,
  MORE_BIT,
  MORE_LITERAL,
  NO_KEYWORDS,
  NO_MORE,
  readMoreKeywords,
} from './keywords.ts';
import type { FlagActor, FlagChange, StoreFlagsResult } from './mailstore.ts';
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
  /** Whether the actor has seen it, who is not the owner. */
  readonly seen: boolean;
}

/**
 * One slice of STORE under the locks of the scope (RFC 9051 §6.4.6, RFC 7162 §3.1.3). The mailbox is locked. What `by` may not
 * change stays as it is (RFC 4314 §4); the \Seen of an actor who is not the owner lies in `seen_by`.
 */
export async function storeFlags(
  scope: WriteScope,
  keywords: Keywords,
  mailbox: LockedMailbox,
  uids: ArrayLike<number>,
  change: FlagChange,
  by?: FlagActor,
): Promise<StoreFlagsResult | Abandon<StoreFlagsResult>> {
  const define = change.how !== 'remove';
  const keywordsHow = by?.keywords === false ? 'add' : change.how;
  const bits =
    by?.keywords === false
      ? NO_KEYWORDS
      : await keywords.bitsOf(scope.transaction, mailbox.ownerId, change.flags.keywords, define);
  if (bits === undefined) return new Abandon({ kind: 'too-many-keywords' });
  const ownSeen = by !== undefined && by.accountId !== mailbox.ownerId;
  const may = ALL_SYSTEM_FLAGS & (by?.system ?? ALL_SYSTEM_FLAGS);
  const shared = ownSeen ? may & ~SEEN : may;
  const system = change.flags.system & shared;
  const seenHow = ownSeen && (may & SEEN) !== 0 ? change.how : undefined;
  const seenGiven = (change.flags.system & SEEN) !== 0;
  const changed: number[] = [];
  const modified: number[] = [];
  const previousHighest = mailbox.highestModSeq;
  for (const page of uidPages(uids, PAGE)) {
    const wanted = page.exact ? undefined : new Set(page.uids);
    const rows = await readRows(scope, mailbox.id, page.condition, ownSeen ? by.accountId : undefined);
    const toChange: number[] = [];
    const toSee: number[] = [];
    for (const row of rows) {
      if (wanted !== undefined && !wanted.has(row.uid)) continue;
      if (change.unchangedSince !== undefined && row.modSeq > change.unchangedSince) {
        modified.push(row.uid);
        continue;
      }
      const seenNext = seenAfter(row.seen, seenHow, seenGiven);
      if (seenNext !== row.seen) toSee.push(row.uid);
      const next = flagsAfter(row.flags, change.how, system, shared);
      if (next === row.flags && keywordsStay(row.keywords, keywordsHow, bits)) {
        if (seenNext !== row.seen) changed.push(row.uid);
        continue;
      }
      toChange.push(row.uid);
      mailbox.unseen += Number((next & SEEN) === 0) - Number((row.flags & SEEN) === 0);
      mailbox.deleted += Number((next & DELETED) !== 0) - Number((row.flags & DELETED) !== 0);
    }
    if (toSee.length > 0)
      await storeSeenBy(scope, mailbox, by?.accountId ?? 0, toSee, seenAfter(false, seenHow, seenGiven));
    if (toChange.length === 0) continue;
    const exact = rows.length === toChange.length ? page.condition : uidRuns(toChange);
    const condition = `mailbox_id = ${mailbox.id} AND ${exact}`;
    const set = assignment(change.how, system, shared, keywordsHow, bits);
    await scope.transaction.later(`UPDATE message SET ${set}, modseq = ${scope.modSeqFor(mailbox)} WHERE ${condition}`);
    scope.messagesChanged(mailbox, toChange);
    const marked = rows.some((row) => (row.keywords.high & MORE_BIT) !== 0);
    await storeMoreKeywords(scope, mailbox.id, condition, toChange, keywordsHow, bits, marked);
    for (const uid of toChange) changed.push(uid);
  }
  changed.sort((a, b) => a - b);
  if (changed.length === 0) {
    return new Abandon({ kind: 'stored', modSeqs: [previousHighest], changed, modified });
  }
  await scope.save();
  return { kind: 'stored', modSeqs: [mailbox.highestModSeq], changed, modified };
}

/** Keeps whether a user who is not the owner has seen messages. */
export async function storeSeenBy(
  scope: WriteScope,
  mailbox: LockedMailbox,
  accountId: number,
  uids: readonly number[],
  seen: boolean,
): Promise<void> {
  const modSeq = scope.modSeqFor(mailbox);
  await insertRowsLater(
    scope.transaction,
    'REPLACE INTO seen_by (mailbox_id, user_id, uid, seen, modseq)',
    uids.map((uid): SqlValue[] => [mailbox.id, accountId, uid, Number(seen), modSeq]),
  );
}

/** UIDs of the messages that a user has seen who is not the owner. */
export async function readSeenBy(
  scope: WriteScope,
  mailboxId: number,
  accountId: number,
  condition: string,
): Promise<Map<number, { readonly seen: boolean; readonly modSeq: number }>> {
  const rows = await scope.transaction.rowsOnce(
    `SELECT uid, seen, modseq FROM seen_by
     WHERE mailbox_id = ${integerList([mailboxId])} AND user_id = ${integerList([accountId])} AND ${condition}`,
  );
  return new Map(
    (rows as [number, number, number][]).map(([uid, seen, modSeq]) => [uid, { seen: seen === 1, modSeq }]),
  );
}

async function readRows(
  scope: WriteScope,
  mailboxId: number,
  condition: string,
  seenOf: number | undefined,
): Promise<FlaggedRow[]> {
  const rows = await scope.transaction.rowsOnce(
    `SELECT uid, flags, ${KEYWORD_COLUMNS}, modseq FROM message
     WHERE mailbox_id = ${integerList([mailboxId])} AND ${condition} ORDER BY uid`,
  );
  const marked = rows.some(([, , , high]) => ((high as number) & MORE_BIT) !== 0);
  const more = marked ? await readMoreKeywords(scope.transaction, mailboxId, condition) : undefined;
  const own = seenOf === undefined ? undefined : await readSeenBy(scope, mailboxId, seenOf, condition);
  return (rows as [number, number, number, number, number][]).map(([uid, flags, low, high, modSeq]) => ({
    uid,
    flags,
    keywords: { low, high, more: more?.get(uid) ?? NO_MORE },
    modSeq: Math.max(modSeq, own?.get(uid)?.modSeq ?? 0),
    seen: own?.get(uid)?.seen === true,
  }));
}

/** \Seen of one's own after the change; `how` is undefined where it stays. */
function seenAfter(seen: boolean, how: FlagChange['how'] | undefined, given: boolean): boolean {
  if (how === undefined) return seen;
  if (how === 'set') return given;
  return given ? how === 'add' : seen;
}

/** `system` lies within `may`, the flags that can change. */
function flagsAfter(flags: number, how: FlagChange['how'], system: number, may: number): number {
  if (how === 'set') return (flags & ~may) | system;
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
function assignment(
  how: FlagChange['how'],
  system: number,
  may: number,
  keywordsHow: FlagChange['how'],
  bits: KeywordBits,
): string {
  return `${systemAssignment(how, system, may)}, ${keywordAssignment(keywordsHow, bits)}`;
}

function systemAssignment(how: FlagChange['how'], system: number, may: number): string {
  if (how === 'set') return may === ALL_SYSTEM_FLAGS ? `flags = ${system}` : `flags = (flags & ~${may}) | ${system}`;
  return how === 'add' ? `flags = flags | ${system}` : `flags = flags & ~${system}`;
}

function keywordAssignment(how: FlagChange['how'], bits: KeywordBits): string {
  const keywords = keywordLiteral(bits);
  switch (how) {
    case 'set':
      return `keywords = ${keywords}`;
    case 'add':
      return `keywords = keywords | ${keywords}`;
    case 'remove':
      return `keywords = keywords & (~${keywords} | ${MORE_LITERAL})`;
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
