import { integerList } from './database.ts';
import { DELETED, SEEN } from './flags.ts';
import type { SqlQuery } from './transaction.ts';
import { uidPages, uidRuns } from './uid-ranges.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

/** Messages of one statement: long enough to be quick, short enough for the optimiser's ranges. */
export const PAGE = 5000;

export const CHANGED_UNDER_LOCK = 'messages changed under the lock of their mailbox';

/** What the counters need to know of a message. */
export interface CountedMessage {
  readonly uid: number;
  readonly flags: number;
  readonly emailNo: number;
  readonly sizeBytes: number;
}

export const COUNTED_COLUMNS = 'uid, flags, email_no, size';
export type CountedRow = [uid: number, flags: number, emailNo: number, sizeBytes: number];

export const counted = ([uid, flags, emailNo, sizeBytes]: CountedRow): CountedMessage => ({
  uid,
  flags,
  emailNo,
  sizeBytes,
});

/** Those of the messages that exist, ascending. */
export async function readCounted(
  scope: WriteScope,
  mailboxId: number,
  uids: ArrayLike<number> | 'all',
): Promise<CountedMessage[]> {
  const found: CountedMessage[] = [];
  const read = async (uidCondition: string, wanted: ReadonlySet<number> | undefined): Promise<void> => {
    const rows = await scope.transaction.rowsOnce(
      `SELECT ${COUNTED_COLUMNS} FROM message
       WHERE mailbox_id = ${integerList([mailboxId])} AND ${uidCondition} ORDER BY uid`,
    );
    for (const row of rows as CountedRow[]) if (wanted === undefined || wanted.has(row[0])) found.push(counted(row));
  };
  if (uids === 'all') await read('TRUE', undefined);
  else for (const page of uidPages(uids, PAGE)) await read(page.condition, page.exact ? undefined : new Set(page.uids));
  return found;
}

/**
 * Removes messages and keeps what QRESYNC, undelete and audit want to know of them; their further keywords
 * stay as long (a UID never comes back). The mailbox is locked.
 */
export async function removeMessages(
  scope: WriteScope,
  from: LockedMailbox,
  messages: readonly CountedMessage[],
  reason: 'expunge' | 'move' | 'undone',
  byUser = '',
): Promise<void> {
  for (let i = 0; i < messages.length; i += PAGE) {
    const condition = uidRuns(messages.slice(i, i + PAGE).map((m) => m.uid));
    for (const { sql, values } of removal(scope, from, condition, reason, byUser)) {
      await scope.transaction.later(sql, values);
    }
  }
  // What names the email from now on is the row of `expunged`: its count stays.
  count(scope, from, messages, -1);
}

/**
 * Expunges the messages that meet a condition in SQL on `message`, in order of UID, and answers which they were: read and removed in one round trip,
 * so that rows are understood here while the database goes on.
 *
 * @param most 0: all
 */
export async function removeReading(
  scope: WriteScope,
  from: LockedMailbox,
  condition: string,
  most: number,
  byUser = '',
): Promise<CountedMessage[]> {
  const which = most === 0 ? condition : `${condition} ORDER BY uid LIMIT ${most}`;
  const { rows, changed } = await scope.transaction.rowsBefore(
    `SELECT ${COUNTED_COLUMNS} FROM message WHERE mailbox_id = ${from.id} AND ${condition}
     ORDER BY uid${most === 0 ? '' : ` LIMIT ${most}`}`,
    removal(scope, from, which, 'expunge', byUser),
  );
  if (changed.some((n) => n !== rows.length)) throw new Error(CHANGED_UNDER_LOCK);
  const messages = (rows as CountedRow[]).map(counted);
  count(scope, from, messages, -1);
  return messages;
}

function removal(
  scope: WriteScope,
  from: LockedMailbox,
  condition: string,
  reason: string,
  byUser: string,
): readonly [SqlQuery, SqlQuery] {
  const which = `mailbox_id = ${from.id} AND ${condition}`;
  return [
    {
      sql: `INSERT INTO expunged (mailbox_id, modseq, uid, email_no, content_id, flags, keywords, internal_date, save_date,
         size, at, by_user, reason)
       SELECT mailbox_id, ${scope.modSeqFor(from)}, uid, email_no, content_id, flags, keywords, internal_date, save_date, size,
         ${Date.now()}, ?, ? FROM message WHERE ${which}`,
      values: [byUser, reason],
    },
    { sql: `DELETE FROM message WHERE ${which}`, values: [] },
  ];
}

/** Adds messages to the counters of a mailbox and its account (`sign` 1), or takes them away. */
export function count(
  scope: WriteScope,
  mailbox: LockedMailbox,
  messages: readonly Pick<CountedMessage, 'flags' | 'sizeBytes'>[],
  sign: 1 | -1,
): void {
  const account = scope.account(mailbox.ownerId);
  if (account === undefined) throw new Error('the account of a mailbox is not locked');
  for (const { flags, sizeBytes } of messages) {
    mailbox.messages += sign;
    mailbox.bytes += sign * sizeBytes;
    if ((flags & SEEN) === 0) mailbox.unseen += sign;
    if ((flags & DELETED) !== 0) mailbox.deleted += sign;
    account.messages += sign;
    account.bytes += sign * sizeBytes;
  }
}

/** Counts new messages of emails that are there. */
export async function countReferences(
  scope: WriteScope,
  accountId: number,
  messages: readonly Pick<CountedMessage, 'emailNo'>[],
): Promise<void> {
  const times = new Map<number, number>();
  for (const { emailNo } of messages) times.set(emailNo, (times.get(emailNo) ?? 0) + 1);
  const byTimes = new Map<number, number[]>();
  for (const [emailNo, n] of times) pushTo(byTimes, n, emailNo);
  for (const [n, emailNos] of byTimes) {
    emailNos.sort((a, b) => a - b);
    for (let i = 0; i < emailNos.length; i += PAGE) {
      const runs = uidRuns(emailNos.slice(i, i + PAGE)).replaceAll('uid ', 'email_no ');
      await scope.transaction.later(
        `UPDATE email SET copies = copies + ${n}, expunged_at = NULL WHERE account_id = ${accountId} AND ${runs}`,
      );
    }
  }
}

function pushTo(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
