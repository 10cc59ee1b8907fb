import { integerList } from './database.ts';
import { DELETED, SEEN } from './flags.ts';
import { uidPages, uidRuns } from './uid-ranges.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

/** UIDs of one statement: long enough to be quick, short enough for the optimiser's ranges. */
const PAGE = 2000;

/** What the counters need to know of a message. */
export interface CountedMessage {
  readonly uid: number;
  readonly flags: number;
  readonly emailNo: number;
  readonly sizeBytes: number;
}

/** Those of the messages that exist, ascending; `condition` is an additional one in SQL. */
export async function readCounted(
  scope: WriteScope,
  mailboxId: number,
  uids: ArrayLike<number> | 'all',
  condition = 'TRUE',
): Promise<CountedMessage[]> {
  const found: CountedMessage[] = [];
  const read = async (uidCondition: string, wanted: ReadonlySet<number> | undefined): Promise<void> => {
    const rows = await scope.transaction.rowsOnce(
      `SELECT uid, flags, email_no, size FROM message
       WHERE mailbox_id = ${integerList([mailboxId])} AND ${uidCondition} AND ${condition} ORDER BY uid`,
    );
    for (const [uid, flags, emailNo, sizeBytes] of rows as [number, number, number, number][]) {
      if (wanted === undefined || wanted.has(uid)) found.push({ uid, flags, emailNo, sizeBytes });
    }
  };
  if (uids === 'all') await read('TRUE', undefined);
  else for (const page of uidPages(uids, PAGE)) await read(page.condition, page.exact ? undefined : new Set(page.uids));
  return found;
}

/**
 * Copies messages into another mailbox of the same account by INSERT … SELECT: no body and no cached text crosses the
 * wire. Both mailboxes are locked. Returns the new UIDs, in the order of `messages`.
 */
export async function copyMessages(
  scope: WriteScope,
  from: LockedMailbox,
  to: LockedMailbox,
  messages: readonly CountedMessage[],
): Promise<number[]> {
  const { transaction } = scope;
  const modSeq = scope.modSeqFor(to);
  const newUids: number[] = [];
  for (let i = 0; i < messages.length; i += PAGE) {
    const page = messages.slice(i, i + PAGE);
    const condition = uidRuns(page.map((m) => m.uid));
    const base = to.uidNext - 1;
    const numbered = `(SELECT uid, ${base} + ROW_NUMBER() OVER (ORDER BY uid) AS new_uid FROM message
      WHERE mailbox_id = ${from.id} AND ${condition}) AS numbered`;
    // RFC 8514 §2: the save date of a copy is the time of copying.
    const { affectedRows } = await transaction.changeOnce(
      `INSERT INTO message
         (mailbox_id, uid, modseq, flags, keywords, email_no, content_id, internal_date, save_date, size)
       SELECT ${to.id}, numbered.new_uid, ${modSeq}, m.flags, m.keywords, m.email_no, m.content_id, m.internal_date,
         ${Date.now()}, m.size
       FROM ${numbered} JOIN message m ON m.mailbox_id = ${from.id} AND m.uid = numbered.uid`,
    );
    if (affectedRows !== page.length) throw new Error('messages changed under the lock of their mailbox');
    await transaction.changeOnce(
      `INSERT INTO message_cache
         (mailbox_id, uid, version, sent_at, envelope, bodystructure, header_fields, sort_keys, thread_hashes)
       SELECT ${to.id}, numbered.new_uid, c.version, c.sent_at, c.envelope, c.bodystructure, c.header_fields,
         c.sort_keys, c.thread_hashes
       FROM ${numbered} JOIN message_cache c ON c.mailbox_id = ${from.id} AND c.uid = numbered.uid`,
    );
    for (const _ of page) newUids.push(to.uidNext++);
  }
  count(scope, to, messages, 1);
  await changeCopies(scope, to.ownerId, messages, 1);
  return newUids;
}

/** Removes messages and keeps what QRESYNC, undelete and audit want to know of them. The mailbox is locked. */
export async function removeMessages(
  scope: WriteScope,
  from: LockedMailbox,
  messages: readonly CountedMessage[],
  reason: 'expunge' | 'move',
  byUser: string,
): Promise<void> {
  const { transaction } = scope;
  const modSeq = scope.modSeqFor(from);
  for (let i = 0; i < messages.length; i += PAGE) {
    const condition = `mailbox_id = ${from.id} AND ${uidRuns(messages.slice(i, i + PAGE).map((m) => m.uid))}`;
    await transaction.changeOnce(
      `INSERT INTO expunged (mailbox_id, modseq, uid, email_no, content_id, flags, keywords, internal_date, save_date,
         size, at, by_user, reason)
       SELECT mailbox_id, ${modSeq}, uid, email_no, content_id, flags, keywords, internal_date, save_date, size,
         ${Date.now()}, ?, ? FROM message WHERE ${condition}`,
      [byUser, reason],
    );
    await transaction.changeOnce(`DELETE FROM message WHERE ${condition}`);
    await transaction.changeOnce(`DELETE FROM message_cache WHERE ${condition}`);
  }
  count(scope, from, messages, -1);
  await changeCopies(scope, from.ownerId, messages, -1);
}

/** RFC 9051 §6.3.6: renaming INBOX moves its messages. */
export async function moveAllMessages(scope: WriteScope, fromId: number, toId: number): Promise<void> {
  const from = scope.mailbox(fromId);
  const to = scope.mailbox(toId);
  if (from === undefined || to === undefined) throw new Error('messages are moved between mailboxes not locked');
  const messages = await readCounted(scope, fromId, 'all');
  if (messages.length === 0) return;
  await copyMessages(scope, from, to, messages);
  await removeMessages(scope, from, messages, 'move', '');
}

function count(scope: WriteScope, mailbox: LockedMailbox, messages: readonly CountedMessage[], sign: 1 | -1): void {
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

/** Counts the messages of each email; one without any is kept for undelete, dated. */
async function changeCopies(
  scope: WriteScope,
  accountId: number,
  messages: readonly CountedMessage[],
  sign: 1 | -1,
): Promise<void> {
  const times = new Map<number, number>();
  for (const { emailNo } of messages) times.set(emailNo, (times.get(emailNo) ?? 0) + 1);
  const byTimes = new Map<number, number[]>();
  for (const [emailNo, n] of times) pushTo(byTimes, n, emailNo);
  for (const [n, emailNos] of byTimes) {
    emailNos.sort((a, b) => a - b);
    for (let i = 0; i < emailNos.length; i += PAGE) {
      const condition = `account_id = ${accountId} AND ${uidRuns(emailNos.slice(i, i + PAGE)).replaceAll('uid ', 'email_no ')}`;
      const set =
        sign > 0
          ? `copies = copies + ${n}, expunged_at = NULL`
          : `expunged_at = IF(copies <= ${n}, ${Date.now()}, NULL), copies = copies - ${n}`;
      await scope.transaction.changeOnce(`UPDATE email SET ${set} WHERE ${condition}`);
    }
  }
}

function pushTo(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
