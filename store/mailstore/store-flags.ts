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
import { MessageColumns, type ViewRow } from './message-columns.ts';
import { insertRowsLater } from './queued-transaction.ts';
import type { LearnedFlags, SharedView } from './shared-view.ts';
import { Abandon } from './transaction.ts';
import { uidPages, uidRuns } from './uid-ranges.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

const PAGE = 5000;

/** The messages that a change may concern, and perhaps others. */
interface FlaggedMessages {
  readonly columns: MessageColumns;
  /** What the actor has seen, who is not the owner, by UID. */
  readonly own?: ReadonlyMap<number, { readonly seen: boolean; readonly modSeq: number }> | undefined;
}

/**
 * One slice of STORE under the locks of the scope (RFC 9051 §6.4.6, RFC 7162 §3.1.3). The mailbox is locked. What `by` may not
 * change stays as it is (RFC 4314 §4); the \Seen of an actor who is not the owner lies in `seen_by`.
 *
 * @param known the mailbox in memory, at the very mod-sequence of the locked row: then nothing is read, and it learns what was committed
 */
export async function storeFlags(
  scope: WriteScope,
  keywords: Keywords,
  mailbox: LockedMailbox,
  uids: ArrayLike<number>,
  change: FlagChange,
  by?: FlagActor,
  known?: SharedView,
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
  let changed: number[] = [];
  const modified: number[] = [];
  const previousHighest = mailbox.highestModSeq;
  const inMemory = ownSeen ? undefined : known?.current;
  const learned: LearnedFlags[] = [];
  let flagsAlone = true;
  for (const page of uidPages(uids, PAGE)) {
    const { columns, own } =
      inMemory === undefined
        ? await readMessages(scope, mailbox.id, page.condition, ownSeen ? by.accountId : undefined)
        : { columns: inMemory };
    const uidsToChange = new Uint32Array(page.uids.length);
    const flagsToChange = new Uint16Array(page.uids.length);
    let count = 0;
    const toSee: number[] = [];
    let marked = false;
    let keywordsChange = false;
    const from = columns.lowerBound(page.uids[0] as number);
    let at = from;
    for (const uid of page.uids) {
      while (at < columns.count && (columns.uids[at] as number) < uid) at++;
      if (at === columns.count || columns.uids[at] !== uid) continue;
      const seenBefore = own?.get(uid);
      const modSeq = Math.max(columns.modSeqs[at] as number, seenBefore?.modSeq ?? 0);
      if (change.unchangedSince !== undefined && modSeq > change.unchangedSince) {
        modified.push(uid);
        continue;
      }
      const seen = seenBefore?.seen === true;
      const seenNext = seenAfter(seen, seenHow, seenGiven);
      if (seenNext !== seen) toSee.push(uid);
      const flags = columns.flags[at] as number;
      const next = flagsAfter(flags, change.how, system, shared);
      const high = columns.keywordsHigh?.[at] ?? 0;
      const stay = keywordsStay(
        columns.keywordsLow?.[at] ?? 0,
        high,
        columns.more.size === 0 ? NO_MORE : columns.more.get(uid),
        keywordsHow,
        bits,
      );
      if (next === flags && stay) {
        if (seenNext !== seen) changed.push(uid);
        continue;
      }
      keywordsChange ||= !stay;
      marked ||= (high & MORE_BIT) !== 0;
      uidsToChange[count] = uid;
      flagsToChange[count] = next;
      count++;
      mailbox.unseen += Number((next & SEEN) === 0) - Number((flags & SEEN) === 0);
      mailbox.deleted += Number((next & DELETED) !== 0) - Number((flags & DELETED) !== 0);
    }
    if (toSee.length > 0)
      await storeSeenBy(scope, mailbox, by?.accountId ?? 0, toSee, seenAfter(false, seenHow, seenGiven));
    if (count === 0) continue;
    const toChange = uidsToChange.subarray(0, count);
    const inRange = columns.lowerBound((page.uids.at(-1) as number) + 1) - from;
    const exact = inRange === count ? page.condition : uidRuns(toChange);
    const condition = `mailbox_id = ${mailbox.id} AND ${exact}`;
    const set = [systemAssignment(change.how, system, shared), `modseq = ${scope.modSeqFor(mailbox)}`];
    if (keywordsChange) {
      set.push(keywordAssignment(keywordsHow, bits));
      flagsAlone = false;
    }
    await scope.transaction.later(`UPDATE message SET ${set.join(', ')} WHERE ${condition}`);
    scope.messagesChanged(mailbox, toChange);
    if (keywordsChange) await storeMoreKeywords(scope, mailbox.id, condition, toChange, keywordsHow, bits, marked);
    learned.push({ uids: toChange, flags: flagsToChange });
    changed = changed.concat(Array.from(toChange));
  }
  if (ownSeen) changed.sort((a, b) => a - b);
  if (changed.length === 0) {
    return new Abandon({ kind: 'stored', modSeqs: [previousHighest], changed, modified });
  }
  const modSeq = mailbox.highestModSeq;
  if (inMemory !== undefined && flagsAlone) {
    scope.transaction.afterCommit(() => known?.learnFlags(learned, previousHighest, modSeq));
  }
  await scope.save();
  return { kind: 'stored', modSeqs: [modSeq], changed, modified };
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

async function readMessages(
  scope: WriteScope,
  mailboxId: number,
  condition: string,
  seenOf: number | undefined,
): Promise<FlaggedMessages> {
  const rows = await scope.transaction.rowsOnce(
    `SELECT uid, flags, ${KEYWORD_COLUMNS}, modseq FROM message
     WHERE mailbox_id = ${integerList([mailboxId])} AND ${condition} ORDER BY uid`,
  );
  const columns = new MessageColumns(rows.length);
  for (const row of rows) columns.append(row as ViewRow);
  if (columns.keywordsHigh?.some((high) => (high & MORE_BIT) !== 0) === true) {
    const more = await readMoreKeywords(scope.transaction, mailboxId, condition);
    for (const [uid, numbers] of more) columns.more.set(uid, numbers);
  }
  return {
    columns,
    own: seenOf === undefined ? undefined : await readSeenBy(scope, mailboxId, seenOf, condition),
  };
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

/** Whether the change leaves a message's keywords as they are: those in two halves, and the further ones. */
function keywordsStay(
  low: number,
  markedHigh: number,
  more: readonly number[] = NO_MORE,
  how: FlagChange['how'],
  given: KeywordBits,
): boolean {
  const high = markedHigh & ~MORE_BIT;
  const common = given.more.length === 0 ? 0 : given.more.filter((no) => more.includes(no)).length;
  switch (how) {
    case 'set':
      return low === given.low && high === (given.high | 0) && common === given.more.length && common === more.length;
    case 'add':
      return (given.low & ~low) === 0 && (given.high & ~high) === 0 && common === given.more.length;
    case 'remove':
      return (given.low & low) === 0 && (given.high & high) === 0 && common === 0;
  }
}

function systemAssignment(how: FlagChange['how'], system: number, may: number): string {
  if (how === 'set') return may === ALL_SYSTEM_FLAGS ? `flags = ${system}` : `flags = (flags & ~${may}) | ${system}`;
  return how === 'add' ? `flags = flags | ${system}` : `flags = flags & ~${system}`;
}

/** The mark of further keywords stays when they are removed: it only says where to look. */
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
  uids: Uint32Array,
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
  const rows: SqlValue[][] = Array.from(uids).flatMap((uid) => bits.more.map((no) => [mailboxId, uid, no]));
  await insertRowsLater(transaction, 'INSERT IGNORE INTO message_keyword (mailbox_id, uid, keyword_no)', rows);
}
