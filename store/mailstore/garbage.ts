import { type Database, integerList } from './database.ts';
import type { GarbageReport } from './mailstore.ts';
import { forgetMessageChanges } from './message-changes.ts';
import { TABLES_OF_MAILBOX } from './owned-tables.ts';
import { Abandon, inTransaction, type Transaction } from './transaction.ts';
import { lockAccount } from './write-scope.ts';

export interface GarbageLimits {
  /** Bodies touched since then are left alone, whoever refers to them or not. */
  readonly contentGraceMs: number;
  readonly undeleteWindowMs: number;
  readonly deliveryRecordsLiveMs: number;
}

/** Rows of one transaction: short locks, small logs. */
const SLICE = 500;
/** Expunged messages that are forgotten together; those of one mod-sequence always are. */
const HISTORY_SLICE = 1000;
const FEED_KEEPS_SECONDS = 600;

/** Removes what is past its time, and bodies that nothing refers to. Several nodes may do it at once. */
export async function collectGarbage(database: Database, limits: GarbageLimits, now: number): Promise<GarbageReport> {
  await database.change('DELETE FROM change_feed WHERE bucket < UNIX_TIMESTAMP() - ?', [FEED_KEEPS_SECONDS]);
  const deliveries = await inSlices(() =>
    database.change(`DELETE FROM delivery WHERE at < ? LIMIT ${SLICE}`, [now - limits.deliveryRecordsLiveMs]),
  );
  await inSlices(() => database.change(`DELETE FROM sieve_memory WHERE expires_at < ? LIMIT ${SLICE}`, [now]));
  await forgetFinishedSendings(database, now - limits.deliveryRecordsLiveMs);
  const before = now - limits.undeleteWindowMs;
  await emptyDeletedMailboxes(database, before);
  const expunged = await forgetExpunged(database, before);
  await inSlices(async () => {
    const rows = await database.rows(
      `SELECT account_id, email_no FROM email WHERE expunged_at < ? AND copies <= 0 LIMIT ${SLICE}`,
      [before],
    );
    for (const [accountId, emailNo] of rows as [number, number][]) {
      await database.change(
        'DELETE FROM email WHERE account_id = ? AND email_no = ? AND copies <= 0 AND expunged_at < ?',
        [accountId, emailNo, before],
      );
      for (const table of ['email_cache', 'search_text']) {
        await database.change(`DELETE FROM ${table} WHERE account_id = ? AND email_no = ?`, [accountId, emailNo]);
      }
    }
    return { affectedRows: rows.length };
  });
  await forgetMessageChanges(database);
  const contents = await collectContents(database, now - limits.contentGraceMs);
  return { contents, expunged, deliveries };
}

/** What was sent is remembered as long as a delivery, so that a client that repeats a submission finds it. */
async function forgetFinishedSendings(database: Database, before: number): Promise<void> {
  await inSlices(async () => {
    const rows = await database.rows(`SELECT id FROM outgoing WHERE finished_at < ? LIMIT ${SLICE}`, [before]);
    for (const [id] of rows as [string][]) {
      await database.change('DELETE FROM outgoing_recipient WHERE outgoing_id = ?', [id]);
      await database.change('DELETE FROM outgoing WHERE id = ? AND finished_at < ?', [id, before]);
    }
    return { affectedRows: rows.length };
  });
  await inSlices(() => database.change(`DELETE FROM sending_count WHERE starts_at < ? LIMIT ${SLICE}`, [before]));
}

/** History of expunges; the mailbox remembers up to where it is missing (RFC 7162 §3.2.5.2). */
async function forgetExpunged(database: Database, before: number): Promise<number> {
  let removed = 0;
  for (let after = 0; ; ) {
    // The oldest row of each mailbox: a look-up each. Times grow with mod-sequences, as far as clocks agree.
    const rows = await database.rows(
      `SELECT o.mailbox_id, (SELECT x.at FROM expunged x WHERE x.mailbox_id = o.mailbox_id AND x.modseq = o.modseq LIMIT 1)
       FROM (SELECT mailbox_id, MIN(modseq) AS modseq FROM expunged WHERE mailbox_id > ?
         GROUP BY mailbox_id ORDER BY mailbox_id LIMIT ${SLICE}) o ORDER BY o.mailbox_id`,
      [after],
    );
    if (rows.length === 0) return removed;
    after = rows.at(-1)?.[0] as number;
    for (const [mailboxId, oldest] of rows as [number, number][]) {
      if (oldest < before) removed += await forgetHistory(database, mailboxId, before, before - 1);
    }
  }
}

/**
 * Forgets what was expunged from a mailbox before a time, some at a time, and lets go of the emails that nothing else names.
 *
 * @param endedAt `expunged_at` of these
 */
async function forgetHistory(database: Database, mailboxId: number, before: number, endedAt: number): Promise<number> {
  return inSlices(
    () =>
      inTransaction<{ affectedRows: number }>(database, async (transaction) => {
        const [owner] = await transaction.rows('SELECT owner_id FROM mailbox WHERE id = ?', [mailboxId]);
        if (owner === undefined) return new Abandon({ affectedRows: 0 });
        const ownerId = owner[0] as number;
        await lockAccount(transaction, ownerId);
        const [last] = await transaction.rows(
          `SELECT MAX(modseq) FROM (SELECT modseq FROM expunged WHERE mailbox_id = ? AND at < ?
             ORDER BY modseq LIMIT ${HISTORY_SLICE}) AS oldest`,
          [mailboxId, before],
        );
        const modSeq = last?.[0] as number | null;
        if (modSeq === null) return new Abandon({ affectedRows: 0 });
        await transaction.change('UPDATE mailbox SET vanished_floor = GREATEST(vanished_floor, ?) WHERE id = ?', [
          modSeq,
          mailboxId,
        ]);
        // Keys and further keywords of a message outlive it for undelete; a UID never comes back.
        for (const table of ['message_keyword', 'message_keys', 'seen_by']) {
          await transaction.change(
            `DELETE t FROM ${table} t JOIN expunged x ON x.mailbox_id = t.mailbox_id AND x.uid = t.uid
             WHERE x.mailbox_id = ? AND x.modseq <= ?`,
            [mailboxId, modSeq],
          );
        }
        await letGo(transaction, ownerId, mailboxId, modSeq, endedAt);
        return transaction.change('DELETE FROM expunged WHERE mailbox_id = ? AND modseq <= ?', [mailboxId, modSeq]);
      }),
    1,
  );
}

/** The history of a mailbox up to a mod-sequence no longer names its emails; that one lost a copy is from now on the email's own to know. */
async function letGo(
  transaction: Transaction,
  ownerId: number,
  mailboxId: number,
  modSeq: number,
  endedAt: number,
): Promise<void> {
  const named = `(SELECT email_no, COUNT(*) AS n, MAX(modseq) AS modseq FROM expunged
    WHERE mailbox_id = ? AND modseq <= ? GROUP BY email_no) x`;
  await transaction.change(
    `UPDATE ${named} JOIN email e ON e.account_id = ? AND e.email_no = x.email_no
     SET e.copies = e.copies - x.n, e.modseq = GREATEST(e.modseq, x.modseq)`,
    [mailboxId, modSeq, ownerId],
  );
  const ended = await transaction.rows(
    `SELECT e.email_no FROM ${named} JOIN email e ON e.account_id = ? AND e.email_no = x.email_no WHERE e.copies <= 0`,
    [mailboxId, modSeq, ownerId],
  );
  if (ended.length === 0) return;
  const emailNos = integerList(ended.map(([emailNo]) => emailNo as number));
  await transaction.change(`UPDATE email SET expunged_at = ? WHERE account_id = ? AND email_no IN (${emailNos})`, [
    endedAt,
    ownerId,
  ]);
}

/** Mailboxes deleted long ago: their messages go, email by email, then the row. */
async function emptyDeletedMailboxes(database: Database, before: number): Promise<void> {
  const mailboxes = await database.rows('SELECT id, owner_id FROM mailbox WHERE deleted_at < ?', [before]);
  for (const [id, ownerId] of mailboxes as [number, number][]) {
    await inSlices(() =>
      inTransaction<{ affectedRows: number }>(database, async (transaction) => {
        await lockAccount(transaction, ownerId);
        const rows = await transaction.rows(`SELECT uid, email_no FROM message WHERE mailbox_id = ? LIMIT ${SLICE}`, [
          id,
        ]);
        if (rows.length === 0) return new Abandon({ affectedRows: 0 });
        for (const [uid, emailNo] of rows as [number, number][]) {
          await transaction.change(
            `UPDATE email SET expunged_at = IF(copies <= 1, ?, NULL), copies = copies - 1
             WHERE account_id = ? AND email_no = ?`,
            [before - 1, ownerId, emailNo],
          );
          await transaction.change('DELETE FROM message WHERE mailbox_id = ? AND uid = ?', [id, uid]);
        }
        return { affectedRows: rows.length };
      }),
    );
    // The mailbox of all mail no longer knows what went with this one.
    await database.change(
      `UPDATE account a JOIN mailbox b ON b.owner_id = a.id SET a.purged_floor = GREATEST(a.purged_floor, b.highestmodseq)
       WHERE b.id = ? AND b.deleted_at < ?`,
      [id, before],
    );
    await forgetHistory(database, id, Number.MAX_SAFE_INTEGER, before - 1);
    for (const table of TABLES_OF_MAILBOX) {
      await inSlices(() => database.change(`DELETE FROM ${table} WHERE mailbox_id = ? LIMIT ${SLICE}`, [id]));
    }
    await database.change('DELETE FROM mailbox WHERE id = ? AND deleted_at < ?', [id, before]);
  }
}

/**
 * Bodies that no email and nothing outgoing refers to. A body may be put again at any instant: `touched_at` is compared
 * under the row's lock, and who reuses a body writes that row first.
 */
async function collectContents(database: Database, touchedBefore: number): Promise<number> {
  let removed = 0;
  let after: Buffer = Buffer.alloc(16);
  for (;;) {
    const candidates = await database.rows(
      `SELECT id FROM content c WHERE id > ? AND touched_at < ?
         AND NOT EXISTS (SELECT 1 FROM email e WHERE e.content_id = c.id)
         AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.content_id = c.id AND o.finished_at IS NULL)
       ORDER BY id LIMIT ${SLICE}`,
      [after, touchedBefore],
    );
    for (const [id] of candidates as [Buffer][]) {
      after = id;
      removed += await inTransaction<number>(database, async (transaction) => {
        const [still] = await transaction.rows('SELECT 1 FROM content WHERE id = ? AND touched_at < ? FOR UPDATE', [
          id,
          touchedBefore,
        ]);
        const [referred] = await transaction.rows(
          'SELECT 1 FROM email WHERE content_id = ? UNION ALL SELECT 1 FROM outgoing WHERE content_id = ? AND finished_at IS NULL LIMIT 1',
          [id, id],
        );
        if (still === undefined || referred !== undefined) return new Abandon(0);
        await transaction.change('DELETE FROM content_chunk WHERE content_id = ?', [id]);
        await transaction.change('DELETE FROM content WHERE id = ?', [id]);
        return 1;
      });
    }
    if (candidates.length < SLICE) return removed;
  }
}

/** @param full a slice of fewer rows was the last */
async function inSlices(slice: () => Promise<{ readonly affectedRows: number }>, full = SLICE): Promise<number> {
  let total = 0;
  for (;;) {
    const { affectedRows } = await slice();
    total += affectedRows;
    if (affectedRows < full) return total;
  }
}
