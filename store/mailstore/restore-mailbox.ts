import { columnOf, MAILBOX_COLUMNS } from './backup-tables.ts';
import type { ChangeNotices } from './changes.ts';
import type { SqlContents } from './content.ts';
import type { Database, SqlValue } from './database.ts';
import type { BackupRow, BackupSource, RestoreBackedUpMailboxResult, RestoreMailboxOrder } from './door/backups.ts';
import { type Keywords, MORE_BIT } from './keywords.ts';
import { canonicalMailboxName, checkMailboxName, mailboxNameHash } from './mailbox-name.ts';
import { MessageInserts } from './message-rows.ts';
import { Abandon, inTransaction, type Transaction } from './transaction.ts';
import { restoreMailbox } from './undelete.ts';
import { type LockedMailbox, WriteScope } from './write-scope.ts';

/** Messages of one transaction, with the bodies that they bring. */
const SLICE = 100;

const MESSAGE = {
  mailbox: columnOf('message', 'mailbox_id'),
  uid: columnOf('message', 'uid'),
  flags: columnOf('message', 'flags'),
  keywords: columnOf('message', 'keywords'),
  content: columnOf('message', 'content_id'),
  internalDate: columnOf('message', 'internal_date'),
};

/** What the backup tells of one mailbox. */
interface BackedUpMailbox {
  /** In the backup. */
  readonly id: number;
  readonly uidNext: number;
  /** Names by number, of the account. */
  readonly keywords: ReadonlyMap<number, string>;
  /** Numbers from 64 on, by UID. */
  readonly moreKeywords: ReadonlyMap<number, number[]>;
}

interface Here {
  readonly database: Database;
  readonly notices: ChangeNotices;
  readonly keywords: Keywords;
  readonly contents: SqlContents;
}

/**
 * Fills a mailbox that is marked as deleted, which nobody sees, and brings it back by undelete when all is there: that gives it its
 * name, a UIDVALIDITY that was never used, and its place in the account's counters.
 */
export async function restoreBackedUpMailbox(
  here: Here,
  order: RestoreMailboxOrder,
  source: BackupSource,
): Promise<RestoreBackedUpMailboxResult> {
  const checked = checkMailboxName(order.into);
  if (checked.kind === 'invalid-name') return checked;
  const key: SqlValue[] = [order.snapshot, order.directoryUuid, recordTarget(order)];
  const [record] = await here.database.rows(
    'SELECT mailbox_id, finished_at FROM restore_record WHERE snapshot = ? AND directory_uuid = ? AND target = ?',
    key,
  );
  if (record !== undefined) {
    const [alive] = await here.database.rows('SELECT 1 FROM mailbox WHERE id = ? AND deleted_at IS NULL', [
      record[0] as number,
    ]);
    if (alive !== undefined) return { kind: 'was-restored' };
  }
  // What was brought back and has been deleted since is wanted anew.
  if (record !== undefined && record[1] !== null) {
    await here.database.change(
      'DELETE FROM restore_record WHERE snapshot = ? AND directory_uuid = ? AND target = ?',
      key,
    );
  }
  const [taken] = await here.database.rows('SELECT 1 FROM mailbox WHERE owner_id = ? AND name_hash = ?', [
    order.accountId,
    mailboxNameHash(checked.name),
  ]);
  if (taken !== undefined) return { kind: 'exists' };
  const described = await describe(source, canonicalMailboxName(order.mailbox));
  if (described === undefined) return { kind: 'no-such-mailbox' };
  const unfinished = record !== undefined && record[1] === null ? (record[0] as number) : undefined;
  const mailboxId = unfinished ?? (await makeHidden(here, order, checked.name, key));
  const messages = await fill(here, order.accountId, mailboxId, described, source);
  await here.database.change('UPDATE mailbox SET uidnext = GREATEST(uidnext, ?) WHERE id = ?', [
    described.uidNext,
    mailboxId,
  ]);
  const revealed = await restoreMailbox(here.database, here.notices, order.accountId, mailboxId, checked.name);
  if (revealed.kind === 'exists' || revealed.kind === 'invalid-name') return revealed;
  await here.database.change(
    'UPDATE restore_record SET finished_at = ? WHERE snapshot = ? AND directory_uuid = ? AND target = ?',
    [Date.now(), ...key],
  );
  return { kind: 'restored', messages };
}

/** A restore is the same again when it brings the same mailbox to the same account under the same name. */
function recordTarget({ accountId, mailbox, into }: RestoreMailboxOrder): Buffer {
  return mailboxNameHash(JSON.stringify([accountId, canonicalMailboxName(mailbox), canonicalMailboxName(into)]));
}

async function describe(source: BackupSource, name: string): Promise<BackedUpMailbox | undefined> {
  const keywords = new Map<number, string>();
  const moreKeywords = new Map<number, number[]>();
  let found: { id: number; uidNext: number } | undefined;
  for await (const { table, rows } of source.rows()) {
    if (table === 'keyword') for (const [no, word] of rows) keywords.set(no as number, word as string);
    if (table === 'mailbox') {
      const row = rows.find(
        (columns) =>
          columns[1 + MAILBOX_COLUMNS.indexOf('name')] === name &&
          columns[1 + MAILBOX_COLUMNS.indexOf('deleted_at')] === null,
      );
      if (row === undefined) return undefined;
      found = { id: row[0] as number, uidNext: row[1 + MAILBOX_COLUMNS.indexOf('uidnext')] as number };
    }
    if (table !== 'message_keyword') continue;
    for (const [mailbox, uid, no] of rows as [number, number, number][]) {
      if (mailbox === found?.id) moreKeywords.set(uid, [...(moreKeywords.get(uid) ?? []), no]);
    }
  }
  return found && { ...found, keywords, moreKeywords };
}

async function makeHidden(
  { database, notices }: Here,
  { accountId }: RestoreMailboxOrder,
  name: string,
  key: readonly SqlValue[],
): Promise<number> {
  return inTransaction(database, async (transaction) => {
    const scope = new WriteScope(transaction, notices);
    await scope.lockAccounts([accountId]);
    const account = scope.account(accountId);
    if (account === undefined) throw new Error('the account went away');
    const { insertId } = await transaction.change(
      'INSERT INTO mailbox (owner_id, name, uidvalidity, highestmodseq, created_at, deleted_at) VALUES (?, ?, ?, ?, ?, ?)',
      [accountId, name, account.nextUidValidity++, scope.modSeqOf(accountId), Date.now(), Date.now()],
    );
    await transaction.change(
      'INSERT INTO restore_record (snapshot, directory_uuid, target, mailbox_id) VALUES (?, ?, ?, ?)',
      [...key, insertId],
    );
    await scope.save();
    return insertId;
  });
}

/** Messages in order of UID; those up to the highest UID that is there were brought by a run before. */
async function fill(
  here: Here,
  accountId: number,
  mailboxId: number,
  described: BackedUpMailbox,
  source: BackupSource,
): Promise<number> {
  const [row] = await here.database.rows('SELECT COALESCE(MAX(uid), 0), COUNT(*) FROM message WHERE mailbox_id = ?', [
    mailboxId,
  ]);
  let [last, count] = row as [number, number];
  let slice: BackupRow[] = [];
  const write = async (): Promise<void> => {
    if (slice.length === 0) return;
    await writeSlice(here, accountId, mailboxId, described, slice, source);
    count += slice.length;
    slice = [];
    source.progress?.(count);
  };
  for await (const { table, rows } of source.rows()) {
    if (table !== 'message') continue;
    for (const message of rows) {
      const uid = message[MESSAGE.uid] as number;
      if (message[MESSAGE.mailbox] !== described.id || uid <= last) continue;
      last = uid;
      slice.push(message);
      if (slice.length === SLICE) await write();
    }
  }
  await write();
  return count;
}

async function writeSlice(
  { database, notices, keywords, contents }: Here,
  accountId: number,
  mailboxId: number,
  described: BackedUpMailbox,
  slice: readonly BackupRow[],
  source: BackupSource,
): Promise<void> {
  const stored = await Promise.all(
    slice.map(async (message) => {
      const sha256 = message[MESSAGE.content];
      if (!Buffer.isBuffer(sha256)) throw new Error(`the backup lacks the body of UID ${message[MESSAGE.uid]}`);
      return contents.put(await source.body(sha256));
    }),
  );
  await inTransaction(database, async (transaction) => {
    const scope = new WriteScope(transaction, notices);
    await scope.lockAccounts([accountId]);
    const account = scope.account(accountId);
    const mailbox = await lockHidden(transaction, mailboxId);
    if (account === undefined || mailbox === undefined) return new Abandon(undefined);
    scope.addMailbox(mailbox);
    const before = { bytes: account.bytes, messages: account.messages };
    const inserts = new MessageInserts(scope);
    for (const [i, message] of slice.entries()) {
      const names = keywordNames(described, message);
      const bits = await keywords.bitsOf(transaction, accountId, names, true);
      if (bits === undefined) throw new Error('the account has too many keywords');
      mailbox.uidNext = message[MESSAGE.uid] as number;
      const into = { mailbox, flags: message[MESSAGE.flags] as number, keywords: bits };
      const content = stored[i];
      if (content !== undefined) inserts.add(account, content, message[MESSAGE.internalDate] as number, [into]);
    }
    // Counted when the mailbox comes back.
    Object.assign(account, before);
    await inserts.flush();
    await scope.save();
    return undefined;
  });
}

async function lockHidden(transaction: Transaction, mailboxId: number): Promise<LockedMailbox | undefined> {
  const [row] = await transaction.rows(
    `SELECT id, owner_id, name, uidvalidity, uidnext, highestmodseq, n_msgs, n_unseen, n_deleted, bytes FROM mailbox
     WHERE id = ? AND deleted_at IS NOT NULL FOR UPDATE`,
    [mailboxId],
  );
  if (row === undefined) return undefined;
  const [id, ownerId, name, ...rest] = row as [number, number, string, ...number[]];
  const [uidValidity = 0, uidNext = 0, highestModSeq = 0, messages = 0, unseen = 0, deleted = 0, bytes = 0] = rest;
  return { id, ownerId, name, uidValidity, uidNext, highestModSeq, messages, unseen, deleted, bytes };
}

function keywordNames(described: BackedUpMailbox, message: BackupRow): string[] {
  const bits = BigInt(message[MESSAGE.keywords] as string);
  if (bits === 0n) return [];
  const numbers = [...described.keywords.keys()].filter((no) => no < 63 && ((bits >> BigInt(no)) & 1n) === 1n);
  const marked = (bits >> 32n) & BigInt(MORE_BIT);
  if (marked !== 0n) numbers.push(...(described.moreKeywords.get(message[MESSAGE.uid] as number) ?? []));
  return numbers.flatMap((no) => described.keywords.get(no) ?? []);
}
