import { ALL_SYSTEM_FLAGS } from './flags.ts';
import type { MessageColumns } from './message-columns.ts';
import type { SqlQuery } from './transaction.ts';
import {
  CHANGED_UNDER_LOCK,
  COUNTED_COLUMNS,
  type CountedMessage,
  type CountedRow,
  count,
  counted,
  countReferences,
  PAGE,
  readCounted,
  removeMessages,
} from './transfer.ts';
import { uidRuns } from './uid-ranges.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

/** Which flags a copy takes along. */
export interface CarriedFlags {
  /** Bits of system flags. */
  readonly system: number;
  readonly keywords: boolean;
  /** False: none of the messages has a keyword from number 64 on. */
  readonly furtherKeywords?: boolean;
}

export const ALL_CARRIED: CarriedFlags = { system: ALL_SYSTEM_FLAGS, keywords: true };

/** Copies whose rows are there; {@link countCopies} does the rest. */
export interface InsertedCopies {
  readonly messages: readonly CountedMessage[];
  /** In the order of `messages`. */
  readonly newUids: readonly number[];
}

/**
 * Copies messages into another mailbox of the same account by INSERT … SELECT: no row crosses the
 * wire, and bodies and texts are the email's. Both mailboxes are locked.
 */
export async function insertCopies(
  scope: WriteScope,
  from: LockedMailbox,
  to: LockedMailbox,
  messages: readonly CountedMessage[],
  carried: CarriedFlags,
): Promise<InsertedCopies> {
  const newUids: number[] = [];
  for (let i = 0; i < messages.length; i += PAGE) {
    const page = messages.slice(i, i + PAGE);
    const [ofMessages, ...more] = insertions(
      scope,
      from,
      to,
      page.map(({ uid }) => uid),
      carried,
    );
    const { affectedRows } = await scope.transaction.changeOnce(ofMessages.sql);
    if (affectedRows !== page.length) throw new Error(CHANGED_UNDER_LOCK);
    for (const { sql } of more) await scope.transaction.later(sql);
    for (const _ of page) newUids.push(to.uidNext++);
  }
  return { messages, newUids };
}

/**
 * The same of a mailbox in memory, which knows which of the messages are there: what counters need to know of them is read in the same round
 * trip. At most a page of UIDs.
 *
 * @param known the mailbox at the very mod-sequence of the locked row
 */
export async function insertKnownCopies(
  scope: WriteScope,
  from: LockedMailbox,
  to: LockedMailbox,
  known: MessageColumns,
  uids: ArrayLike<number>,
  carried: CarriedFlags,
): Promise<InsertedCopies> {
  const there = Array.from(uids).filter((uid) => known.indexOf(uid) >= 0);
  if (there.length === 0) return { messages: [], newUids: [] };
  const { rows, changed } = await scope.transaction.rowsBefore(
    `SELECT ${COUNTED_COLUMNS} FROM message WHERE mailbox_id = ${from.id} AND ${uidRuns(there)} ORDER BY uid`,
    insertions(scope, from, to, there, known.more.size > 0 ? carried : { ...carried, furtherKeywords: false }),
  );
  if (rows.length !== there.length || changed[0] !== there.length) throw new Error(CHANGED_UNDER_LOCK);
  return { messages: (rows as CountedRow[]).map(counted), newUids: there.map(() => to.uidNext++) };
}

/** Changes counters and emails for copies that were made, and tells where they are. */
export async function countCopies(
  scope: WriteScope,
  to: LockedMailbox,
  { messages, newUids }: InsertedCopies,
  carried: CarriedFlags,
): Promise<void> {
  scope.messagesChanged(to, newUids);
  count(
    scope,
    to,
    messages.map(({ flags, sizeBytes }) => ({ flags: flags & carried.system, sizeBytes })),
    1,
  );
  await countReferences(scope, to.ownerId, messages);
}

/** Of messages first, then of their further keywords. */
function insertions(
  scope: WriteScope,
  from: LockedMailbox,
  to: LockedMailbox,
  uids: readonly number[],
  carried: CarriedFlags,
): readonly [SqlQuery, ...SqlQuery[]] {
  const { source, newUid } = renumbered(from.id, uids, to.uidNext);
  // RFC 8514 §2: the save date of a copy is the time of copying.
  const ofMessages = `INSERT INTO message
       (mailbox_id, uid, modseq, flags, keywords, email_no, content_id, internal_date, save_date, size)
     SELECT ${to.id}, ${newUid}, ${scope.modSeqFor(to)}, t.flags & ${carried.system}, ${carried.keywords ? 't.keywords' : '0'},
       t.email_no, t.content_id, t.internal_date, ${Date.now()}, t.size
     FROM ${source('message')}`;
  if (!carried.keywords || carried.furtherKeywords === false) return [{ sql: ofMessages, values: [] }];
  const ofKeywords = `INSERT INTO message_keyword (mailbox_id, uid, keyword_no)
     SELECT ${to.id}, ${newUid}, t.keyword_no FROM ${source('message_keyword')}`;
  return [
    { sql: ofMessages, values: [] },
    { sql: ofKeywords, values: [] },
  ];
}

/**
 * Where the rows of a page come from (as `t`) and what their new UIDs are. A run without gaps moves by a constant, the common
 * case and by far the quickest; else each UID has its row number.
 */
function renumbered(
  mailboxId: number,
  uids: readonly number[],
  uidNext: number,
): { source: (table: string) => string; newUid: string } {
  const first = uids[0] ?? 0;
  const condition = uidRuns(uids);
  if ((uids.at(-1) ?? 0) - first + 1 === uids.length) {
    const shift = uidNext - first;
    return {
      source: (table) => `${table} t WHERE t.mailbox_id = ${mailboxId} AND ${condition.replaceAll('uid ', 't.uid ')}`,
      newUid: `CAST(t.uid AS SIGNED) + ${shift}`,
    };
  }
  const numbered = `(SELECT uid, ${uidNext - 1} + ROW_NUMBER() OVER (ORDER BY uid) AS new_uid FROM message
    WHERE mailbox_id = ${mailboxId} AND ${condition}) AS numbered`;
  return {
    source: (table) => `${numbered} JOIN ${table} t ON t.mailbox_id = ${mailboxId} AND t.uid = numbered.uid`,
    newUid: 'numbered.new_uid',
  };
}

/** RFC 9051 §6.3.6: renaming INBOX moves its messages. */
export async function moveAllMessages(scope: WriteScope, fromId: number, toId: number): Promise<void> {
  const from = scope.mailbox(fromId);
  const to = scope.mailbox(toId);
  if (from === undefined || to === undefined) throw new Error('messages are moved between mailboxes not locked');
  const messages = await readCounted(scope, fromId, 'all');
  if (messages.length === 0) return;
  await countCopies(scope, to, await insertCopies(scope, from, to, messages, ALL_CARRIED), ALL_CARRIED);
  await removeMessages(scope, from, messages, 'move');
}
