import type { ChangeNotices } from './changes.ts';
import { type Database, integerList, type SqlValue } from './database.ts';
import { DELETED } from './flags.ts';
import { canonicalMailboxName, checkMailboxName, mailboxNameHash } from './mailbox-name.ts';
import { insertMailbox, insertMissingParents } from './mailbox-rows.ts';
import type {
  DeletedMailbox,
  DeletedMessage,
  DeletedMessagesOptions,
  RestoredMessage,
  RestoreMailboxResult,
  SpecialUse,
} from './mailstore.ts';
import { emailIdText } from './message-rows.ts';
import { Abandon, inTransaction } from './transaction.ts';
import { count, countReferences } from './transfer.ts';
import { type LockedMailbox, WriteScope } from './write-scope.ts';

const DEFAULT_LIMIT = 1000;
/** Messages restored in one transaction. */
const SLICE = 500;

export async function listDeletedMailboxes(database: Database, accountId: number): Promise<DeletedMailbox[]> {
  const rows = await database.rows(
    `SELECT id, name, n_msgs, bytes, deleted_at FROM mailbox
     WHERE owner_id = ? AND deleted_at IS NOT NULL ORDER BY deleted_at DESC`,
    [accountId],
  );
  return (rows as [number, string, number, number, number][]).map(([id, name, messages, sizeBytes, deletedAt]) => ({
    id,
    name,
    messages,
    sizeBytes,
    deletedAt: new Date(deletedAt),
  }));
}

export async function listDeletedMessages(
  database: Database,
  accountId: number,
  options: DeletedMessagesOptions,
): Promise<DeletedMessage[]> {
  const { mailbox } = options;
  const conditions = ['b.owner_id = ?', `x.reason = 'expunge'`, 'x.at >= ?'];
  const values: SqlValue[] = [accountId, options.since?.getTime() ?? 0];
  if (mailbox !== undefined) {
    conditions.push('b.name = ?');
    values.push(canonicalMailboxName(mailbox));
  }
  const rows = await database.rowsOnce(
    `SELECT x.mailbox_id, b.name, x.uid, x.email_no, x.size, x.internal_date, x.at, c.envelope, x.by_user
     FROM mailbox b JOIN expunged x ON x.mailbox_id = b.id
       JOIN email e ON e.account_id = b.owner_id AND e.email_no = x.email_no
       LEFT JOIN email_cache c ON c.account_id = b.owner_id AND c.email_no = x.email_no
     WHERE ${conditions.join(' AND ')} ORDER BY x.at DESC, x.uid DESC
     LIMIT ${integerList([options.limit ?? DEFAULT_LIMIT])}`,
    values,
  );
  return (rows as [number, string, number, number, number, number, number, Buffer | null, string][]).map((row) => ({
    mailboxId: row[0],
    mailbox: row[1],
    uid: row[2],
    emailId: emailIdText(row[3]),
    sizeBytes: row[4],
    internalDate: new Date(row[5]),
    expungedAt: new Date(row[6]),
    expungedBy: row[8] || undefined,
    envelope: row[7] ?? undefined,
  }));
}

export function restoreMailbox(
  database: Database,
  notices: ChangeNotices,
  accountId: number,
  mailboxId: number,
  given: string | undefined,
): Promise<RestoreMailboxResult> {
  return inTransaction<RestoreMailboxResult>(database, async (transaction) => {
    const scope = new WriteScope(transaction, notices);
    await scope.lockAccounts([accountId]);
    const account = scope.account(accountId);
    const [row] = await transaction.rows(
      `SELECT name, special_use FROM mailbox
       WHERE id = ? AND owner_id = ? AND deleted_at IS NOT NULL FOR UPDATE`,
      [mailboxId, accountId],
    );
    if (account === undefined || row === undefined) return new Abandon({ kind: 'no-such-mailbox' });
    const checked = checkMailboxName(given ?? (row[0] as string));
    if (checked.kind === 'invalid-name') return new Abandon(checked);
    const { name } = checked;
    const taken = await transaction.rows(
      `SELECT name_hash = ? FROM mailbox
       WHERE owner_id = ? AND deleted_at IS NULL AND (name_hash = ? OR special_use = ?)`,
      [mailboxNameHash(name), accountId, mailboxNameHash(name), row[1] as string | null],
    );
    if (taken.some(([sameName]) => sameName === 1)) return new Abandon({ kind: 'exists' });
    await insertMissingParents(scope, accountId, name);
    const uidValidity = account.nextUidValidity++;
    // Another mailbox may have taken over the special use meanwhile.
    const specialUse = taken.length > 0 ? null : (row[1] as SpecialUse | null);
    await transaction.change(
      `UPDATE mailbox SET name = ?, name_hash = ?, special_use = ?, uidvalidity = ?, deleted_at = NULL WHERE id = ?`,
      [name, mailboxNameHash(name), specialUse, uidValidity, mailboxId],
    );
    await scope.lockMailboxes([mailboxId]);
    const mailbox = scope.mailbox(mailboxId) as LockedMailbox;
    account.bytes += mailbox.bytes;
    account.messages += mailbox.messages;
    scope.modSeqFor(mailbox);
    scope.listChanged(accountId);
    await renumberAllMail(scope, accountId);
    await scope.save();
    const info = { id: mailboxId, accountId, name, uidValidity, specialUse: specialUse ?? undefined };
    return { kind: 'restored', mailbox: info };
  });
}

export async function restoreMessages(
  database: Database,
  notices: ChangeNotices,
  accountId: number,
  messages: readonly { readonly mailboxId: number; readonly uid: number }[],
  into: string | undefined,
): Promise<RestoredMessage[]> {
  const byMailbox = new Map<number, number[]>();
  for (const { mailboxId, uid } of messages) {
    byMailbox.set(mailboxId, [...(byMailbox.get(mailboxId) ?? []), uid]);
  }
  const restored: RestoredMessage[] = [];
  for (const [mailboxId, uids] of byMailbox) {
    uids.sort((a, b) => a - b);
    for (let i = 0; i < uids.length; i += SLICE) {
      const slice = uids.slice(i, i + SLICE);
      restored.push(
        ...(await inTransaction(database, (transaction) =>
          restoreSlice(new WriteScope(transaction, notices), accountId, mailboxId, slice, into),
        )),
      );
    }
  }
  return restored;
}

type ExpungedRow = [uid: number, emailNo: number, flags: number, keywords: string, size: number];

async function restoreSlice(
  scope: WriteScope,
  accountId: number,
  mailboxId: number,
  uids: readonly number[],
  into: string | undefined,
): Promise<RestoredMessage[] | Abandon<RestoredMessage[]>> {
  const { transaction } = scope;
  await scope.lockAccounts([accountId]);
  const [source] = await transaction.rows('SELECT name, deleted_at FROM mailbox WHERE id = ? AND owner_id = ?', [
    mailboxId,
    accountId,
  ]);
  if (source === undefined) return new Abandon([]);
  const condition = `mailbox_id = ${integerList([mailboxId])} AND uid IN (${integerList(uids)})`;
  const rows = (await transaction.rowsOnce(
    `SELECT x.uid, x.email_no, x.flags, CAST(x.keywords AS CHAR), x.size FROM expunged x
       JOIN email e ON e.account_id = ${integerList([accountId])} AND e.email_no = x.email_no
     WHERE ${condition.replace('mailbox_id', 'x.mailbox_id').replace('uid IN', 'x.uid IN')}
       AND x.reason = 'expunge' ORDER BY x.uid`,
  )) as ExpungedRow[];
  if (rows.length === 0) return new Abandon([]);
  const target = await targetOf(scope, accountId, into ?? (source[0] as string));
  const modSeq = scope.modSeqFor(target);
  const restored: RestoredMessage[] = [];
  const counted: { emailNo: number; flags: number; sizeBytes: number }[] = [];
  const numbered: SqlValue[][] = [];
  for (const [uid, emailNo, flags, , sizeBytes] of rows) {
    const newUid = target.uidNext++;
    restored.push({ from: { mailboxId, uid }, mailbox: target.name, uid: newUid });
    counted.push({ emailNo, flags: flags & ~DELETED, sizeBytes });
    numbered.push([uid, newUid]);
  }
  scope.messagesChanged(
    target,
    restored.map(({ uid }) => uid),
  );
  // The new UIDs as a table of two columns that the statements below join.
  const pairs = numbered.map(([uid, newUid]) => `SELECT ${uid} AS uid, ${newUid} AS new_uid`).join(' UNION ALL ');
  await transaction.later(
    `INSERT INTO message
       (mailbox_id, uid, modseq, flags, keywords, email_no, content_id, internal_date, save_date, size)
     SELECT ${target.id}, n.new_uid, ${modSeq}, x.flags & ~${DELETED}, x.keywords, x.email_no, x.content_id,
       x.internal_date, ${Date.now()}, x.size
     FROM (${pairs}) AS n JOIN expunged x ON x.mailbox_id = ${mailboxId} AND x.uid = n.uid`,
  );
  await transaction.later(
    `INSERT INTO message_keyword (mailbox_id, uid, keyword_no)
     SELECT ${target.id}, n.new_uid, k.keyword_no
     FROM (${pairs}) AS n JOIN message_keyword k ON k.mailbox_id = ${mailboxId} AND k.uid = n.uid`,
  );
  // The row stays: clients that resynchronise learn from it that the old UID is gone.
  await transaction.later(`UPDATE expunged SET reason = 'undeleted' WHERE ${condition} AND reason = 'expunge'`);
  count(scope, target, counted, 1);
  await countReferences(scope, accountId, counted);
  await renumberAllMail(scope, accountId);
  await scope.save();
  return restored;
}

/** In the mailbox of all mail a UID comes back that was gone: what clients know of it is no longer valid (RFC 9051 §2.3.1.1). */
async function renumberAllMail(scope: WriteScope, accountId: number): Promise<void> {
  const account = scope.account(accountId);
  if (account === undefined) throw new Error('mail is restored to an account that is not locked');
  await scope.transaction.later('UPDATE account SET all_uidvalidity = ? WHERE id = ?', [
    account.nextUidValidity++,
    accountId,
  ]);
}

async function targetOf(scope: WriteScope, accountId: number, given: string): Promise<LockedMailbox> {
  const name = canonicalMailboxName(given);
  const [row] = await scope.lockMailboxesByName([{ ownerId: accountId, hash: mailboxNameHash(name) }]);
  const found = row === undefined ? undefined : scope.mailbox(row[0] as number);
  return found ?? insertMailbox(scope, accountId, name);
}
