import { createHash } from 'node:crypto';
import { COUNT_REFERENCES } from '../../schema/sql/email-references.ts';
import { allMailId } from './all-mail-id.ts';
import {
  ACCOUNT_COLUMNS,
  BACKUP_TABLES,
  type BackupTable,
  columnOf,
  MAILBOX_COLUMNS,
  TABLES_OF_OLD,
} from './backup-tables.ts';
import type { SqlContents } from './content.ts';
import { type Database, insertRows, placeholders, type SqlValue } from './database.ts';
import type {
  BackupRow,
  BackupRows,
  BackupSource,
  BackupValue,
  RestoreAccountOrder,
  RestoreAccountResult,
} from './door/backups.ts';
import { mailboxNameHash } from './mailbox-name.ts';
import { emptyAccount } from './purge.ts';
import { Abandon, inTransaction } from './transaction.ts';

/** Bodies that are written side by side, so that they share transactions. */
const BODIES_AT_ONCE = 25;
/** A body that the backup itself did not have. */
const NO_CONTENT = Buffer.alloc(16);
/** `restore_record.target` of the account itself. */
const WHOLE = mailboxNameHash('');

/** Stands in for the id of the entry until the account is whole: nobody finds the account by it. */
export function reservedUuid(directoryUuid: string): string {
  const hex = createHash('sha256').update(`restore/${directoryUuid}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** @param accounts `id` 0 is any */
export async function reserveAccounts(
  database: Database,
  accounts: readonly { readonly uuid: string; readonly id: number }[],
): Promise<void> {
  for (const { uuid, id } of accounts) {
    const [there] = await database.rows('SELECT 1 FROM account WHERE directory_uuid IN (?, ?)', [
      uuid,
      reservedUuid(uuid),
    ]);
    if (there !== undefined) continue;
    // An auto-increment column takes 0 for the next one.
    await database.change(
      'INSERT INTO account (id, directory_uuid, next_uidvalidity, created_at) VALUES (?, ?, 1, ?)',
      [await freeId(database, 'account', id), reservedUuid(uuid), Date.now()],
    );
  }
}

/** The id, or 0 when a row has it already. */
async function freeId(database: Database, table: 'account' | 'mailbox', id: number): Promise<number> {
  const [taken] = await database.rows(`SELECT 1 FROM ${table} WHERE id = ?`, [id]);
  return taken === undefined ? id : 0;
}

export async function releaseReserved(database: Database, directoryUuids: readonly string[]): Promise<void> {
  for (const uuid of directoryUuids) {
    const [row] = await database.rows('SELECT id FROM account WHERE directory_uuid = ?', [reservedUuid(uuid)]);
    if (row === undefined) continue;
    await emptyAccount(database, row[0] as number);
    await database.change('DELETE FROM account WHERE id = ?', [row[0] as number]);
  }
}

export async function restoreAccount(
  database: Database,
  contents: SqlContents,
  order: RestoreAccountOrder,
  source: BackupSource,
): Promise<RestoreAccountResult> {
  const { directoryUuid, snapshot } = order;
  const [there] = await database.rows('SELECT id FROM account WHERE directory_uuid = ?', [directoryUuid]);
  if (there !== undefined) {
    const [record] = await database.rows(
      'SELECT 1 FROM restore_record WHERE snapshot = ? AND directory_uuid = ? AND target = ?',
      [snapshot, directoryUuid, WHOLE],
    );
    return { kind: record === undefined ? 'account-exists' : 'was-restored' };
  }
  await reserveAccounts(database, [{ uuid: directoryUuid, id: 0 }]);
  const [place] = await database.rows('SELECT id FROM account WHERE directory_uuid = ?', [reservedUuid(directoryUuid)]);
  const accountId = place?.[0] as number;
  await emptyAccount(database, accountId);
  const filling = new AccountFilling(database, contents, accountId, order, source);
  for await (const piece of source.rows()) await filling.put(piece);
  return filling.finish();
}

/** Writes the rows of one account below ids of this database. */
class AccountFilling {
  readonly #database: Database;
  readonly #contents: SqlContents;
  readonly #accountId: number;
  readonly #order: RestoreAccountOrder;
  readonly #source: BackupSource;
  #account: BackupRow | undefined;
  /** Ids here, by ids in the backup. */
  readonly #mailboxes = new Map<number, number>();
  /** Ids by SHA-256 (latin1). */
  readonly #bodies = new Map<string, Buffer>();
  readonly #users = new Map<string, number | undefined>([['anyone', 0]]);
  #messages = 0;
  /** The next UIDVALIDITY, where new ones are given. */
  #nextUidValidity = 0;

  constructor(
    database: Database,
    contents: SqlContents,
    accountId: number,
    order: RestoreAccountOrder,
    source: BackupSource,
  ) {
    this.#database = database;
    this.#contents = contents;
    this.#accountId = accountId;
    this.#order = order;
    this.#source = source;
    this.#mailboxes.set(0, 0).set(-1, allMailId(accountId));
  }

  async put({ table, rows }: BackupRows): Promise<void> {
    if (table === 'account') this.#begin(rows[0]?.slice(1) ?? []);
    else if (table === 'mailbox') for (const row of rows) await this.#putMailbox(row);
    else if (!TABLES_OF_OLD.has(table)) {
      const known = BACKUP_TABLES.find(({ name }) => name === table);
      if (known === undefined) throw new Error(`the backup has a table that this version does not know: ${table}`);
      await this.#putRows(known, rows);
    }
  }

  #begin(row: BackupRow): void {
    this.#account = row;
    // Above all that the account has ever given, and above what it may have given after the backup: one a second is more than any.
    const seconds = Math.floor(Date.now() / 1000);
    this.#nextUidValidity = Math.max(seconds, row[ACCOUNT_COLUMNS.indexOf('next_uidvalidity')] as number);
  }

  async #putMailbox([backedUpId, ...columns]: BackupRow): Promise<void> {
    const values = [...columns];
    const id = this.#order.uidValidity === 'keep' ? await freeId(this.#database, 'mailbox', backedUpId as number) : 0;
    if (this.#order.uidValidity === 'new') values[MAILBOX_COLUMNS.indexOf('uidvalidity')] = this.#nextUidValidity++;
    const { insertId } = await this.#database.change(
      `INSERT INTO mailbox (id, owner_id, ${MAILBOX_COLUMNS.join(', ')}) VALUES (${placeholders(values.length + 2)})`,
      [id, this.#accountId, ...values],
    );
    this.#mailboxes.set(backedUpId as number, id === 0 ? insertId : id);
  }

  async #putRows(table: BackupTable, rows: readonly BackupRow[]): Promise<void> {
    if (table.name === 'email') await this.#putBodies(rows);
    const mapped: SqlValue[][] = [];
    for (const row of rows) {
      const values = await this.#inwards(table, row);
      if (values !== undefined) mapped.push(table.of === 'account' ? [this.#accountId, ...values] : values);
    }
    const names = table.columns.map(({ name }) => name);
    const all = table.of === 'account' ? ['account_id', ...names] : names;
    await insertRows(this.#database, `INSERT INTO ${table.name} (${all.join(', ')})`, mapped);
    if (table.name !== 'message') return;
    this.#messages += rows.length;
    this.#source.progress?.(this.#messages);
  }

  /** Undefined where the row names an account that is not here. */
  async #inwards(table: BackupTable, row: BackupRow): Promise<SqlValue[] | undefined> {
    const values: SqlValue[] = [];
    for (const [i, { kind }] of table.columns.entries()) {
      const value = row[i] ?? null;
      if (kind === 'content') values.push(this.#bodies.get(latin1(value)) ?? NO_CONTENT);
      else if (kind === 'mailbox') {
        const id = this.#mailboxes.get(value as number);
        if (id === undefined) return undefined;
        values.push(id);
      } else if (kind === 'user') {
        const id = await this.#userOf(value as string | null);
        if (id === undefined) return undefined;
        values.push(id);
      } else values.push(value);
    }
    return values;
  }

  async #putBodies(emails: readonly BackupRow[]): Promise<void> {
    const at = columnOf('email', 'content_id');
    const missing = new Map<string, Buffer>();
    for (const email of emails) {
      const sha256 = email[at];
      if (Buffer.isBuffer(sha256) && !this.#bodies.has(latin1(sha256))) missing.set(latin1(sha256), sha256);
    }
    const hashes = [...missing.values()];
    for (let from = 0; from < hashes.length; from += BODIES_AT_ONCE) {
      const some = hashes.slice(from, from + BODIES_AT_ONCE);
      await Promise.all(some.map(async (sha256) => this.#bodies.set(latin1(sha256), await this.#bodyId(sha256))));
    }
  }

  async #bodyId(sha256: Buffer): Promise<Buffer> {
    // Touched, so that garbage collection leaves it alone until its email names it.
    await this.#database.change('UPDATE content SET touched_at = GREATEST(touched_at, ?) WHERE sha256 = ?', [
      Date.now(),
      sha256,
    ]);
    const [row] = await this.#database.rows('SELECT id FROM content WHERE sha256 = ?', [sha256]);
    if (row !== undefined) return row[0] as Buffer;
    return (await this.#contents.put(await this.#source.body(sha256))).id;
  }

  async #userOf(uuid: string | null): Promise<number | undefined> {
    if (uuid === null) return undefined;
    if (!this.#users.has(uuid)) {
      const [row] = await this.#database.rows('SELECT id FROM account WHERE directory_uuid IN (?, ?)', [
        uuid,
        reservedUuid(uuid),
      ]);
      this.#users.set(uuid, row?.[0] as number | undefined);
    }
    return this.#users.get(uuid);
  }

  /** The account becomes its entry's, with all numbers, in one transaction. */
  async finish(): Promise<RestoreAccountResult> {
    const account = this.#account;
    if (account === undefined) throw new Error('the backup of an account has no account');
    const { directoryUuid, snapshot, uidValidity } = this.#order;
    return inTransaction<RestoreAccountResult>(this.#database, async (transaction) => {
      const address = account[ACCOUNT_COLUMNS.indexOf('address')] as string | null;
      const taken = await transaction.rows(
        'SELECT directory_uuid FROM account WHERE directory_uuid = ? OR address = ?',
        [directoryUuid, address],
      );
      if (taken.some(([uuid]) => uuid === directoryUuid)) return new Abandon({ kind: 'account-exists' });
      if (taken.length > 0) return new Abandon({ kind: 'address-taken' });
      // A backup of an older version counts otherwise.
      const id = this.#accountId;
      await transaction.change(COUNT_REFERENCES, [id, id, Date.now(), id]);
      await transaction.change(
        `UPDATE account SET ${ACCOUNT_COLUMNS.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`,
        [...account, this.#accountId],
      );
      if (uidValidity === 'new') {
        await transaction.change('UPDATE account SET all_uidvalidity = ?, next_uidvalidity = ? WHERE id = ?', [
          this.#nextUidValidity,
          this.#nextUidValidity + 1,
          this.#accountId,
        ]);
      }
      await transaction.change(
        'INSERT INTO restore_record (snapshot, directory_uuid, target, finished_at) VALUES (?, ?, ?, ?)',
        [snapshot, directoryUuid, WHOLE, Date.now()],
      );
      return { kind: 'restored', messages: this.#messages };
    });
  }
}

function latin1(value: BackupValue): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : '';
}
