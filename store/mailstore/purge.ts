import { randomUUID } from 'node:crypto';
import type { Database } from './database.ts';
import type { Purged } from './mailstore.ts';
import { TABLES_OF_ACCOUNT, TABLES_OF_EMAIL, TABLES_OF_MAILBOX } from './owned-tables.ts';
import { Abandon, inTransaction } from './transaction.ts';

/** Rows of one statement: short locks, small logs. */
const SLICE = 500;

/**
 * Removes an account with all its mail, for good. First the account becomes nobody's, in one transaction: its address is free, and
 * whoever gets it next sees nothing of this. Then rows go in slices; what is broken off is finished by the next purge. Bodies that
 * nobody else has are garbage then.
 *
 * @returns what it held; undefined when there is no account of this entry
 */
export async function purgeAccount(database: Database, directoryUuid: string): Promise<Purged | undefined> {
  const found = await inTransaction<{ id: number; purged: Purged } | undefined>(database, async (transaction) => {
    const [row] = await transaction.rows(
      'SELECT id, n_msgs, bytes, leased_to FROM account WHERE directory_uuid = ? FOR UPDATE',
      [directoryUuid],
    );
    if (row === undefined) return new Abandon(undefined);
    const id = row[0] as number;
    transaction.writes(id, row[3] as number);
    const [count] = await transaction.rows('SELECT COUNT(*) FROM mailbox WHERE owner_id = ? AND deleted_at IS NULL', [
      id,
    ]);
    await transaction.change('UPDATE account SET directory_uuid = ?, address = NULL WHERE id = ?', [randomUUID(), id]);
    return {
      id,
      purged: { mailboxes: count?.[0] as number, messages: row[1] as number, bytes: row[2] as number },
    };
  });
  if (found === undefined) return undefined;
  await emptyAccount(database, found.id);
  await emptied(database, 'mailbox_right', 'grantee_id', found.id);
  await database.change('DELETE FROM account WHERE id = ?', [found.id]);
  return found.purged;
}

/** Removes all that belongs to an account which nobody can reach; the rights that others gave it stay. */
export async function emptyAccount(database: Database, accountId: number): Promise<void> {
  const mailboxes = await database.rows('SELECT id FROM mailbox WHERE owner_id = ?', [accountId]);
  for (const [mailboxId] of mailboxes as [number][]) {
    for (const table of [...TABLES_OF_MAILBOX, 'message']) await emptied(database, table, 'mailbox_id', mailboxId);
    await database.change('DELETE FROM mailbox WHERE id = ?', [mailboxId]);
  }
  for (const table of [...TABLES_OF_EMAIL, ...TABLES_OF_ACCOUNT, 'change_feed'])
    await emptied(database, table, 'account_id', accountId);
}

async function emptied(database: Database, table: string, column: string, id: number): Promise<void> {
  for (;;) {
    const { affectedRows } = await database.change(`DELETE FROM ${table} WHERE ${column} = ? LIMIT ${SLICE}`, [id]);
    if (affectedRows < SLICE) return;
  }
}
