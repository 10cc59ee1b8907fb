import { createHash } from 'node:crypto';
import type { ChangeNotices } from './changes.ts';
import type { Database } from './database.ts';
import {
  type AccountRules,
  isScriptName,
  MAX_SCRIPT_BYTES,
  MAX_SCRIPTS,
  MAX_SCRIPTS_BYTES,
  memoryKeyText,
  type PutScriptResult,
  type ScriptInfo,
  type Scripts,
  SIEVE_ERROR_ENTRY,
  type StoredScript,
  VACATION_ENTRY,
} from './door/scripts.ts';
import { changeSettings } from './setting-change.ts';
import { Abandon, type Transaction } from './transaction.ts';

const nameHash = (name: string): Buffer => createHash('sha256').update(name).digest();

/** Scripts in SQL. Every change locks the account and moves `rules_version`, which deliveries compare under the same lock. */
export class SqlScripts implements Scripts {
  readonly #database: Database;
  readonly #notices: ChangeNotices;

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
  }

  async list(accountId: number): Promise<ScriptInfo[]> {
    const rows = await this.#database.rows(
      'SELECT name, active, LENGTH(content), updated_at FROM sieve_script WHERE account_id = ? ORDER BY name',
      [accountId],
    );
    return (rows as [string, number, number, number][]).map(([name, active, sizeBytes, updatedAt]) => ({
      name,
      active: active === 1,
      sizeBytes,
      updatedAt: new Date(updatedAt),
    }));
  }

  async get(accountId: number, name: string): Promise<string | undefined> {
    const [row] = await this.#database.rows('SELECT content FROM sieve_script WHERE account_id = ? AND name_hash = ?', [
      accountId,
      nameHash(name),
    ]);
    return (row?.[0] as Buffer | undefined)?.toString('utf8');
  }

  async put(accountId: number, name: string, text: string): Promise<PutScriptResult> {
    if (!isScriptName(name)) return 'invalid-name';
    const content = Buffer.from(text, 'utf8');
    return this.#change<PutScriptResult>(accountId, async (transaction) => {
      const room = await spaceFor(transaction, accountId, name, content.length);
      if (room !== 'stored') return new Abandon<PutScriptResult>(room);
      await transaction.change(
        `INSERT INTO sieve_script (account_id, name_hash, name, content, updated_at) VALUES (?, ?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE content = VALUES(content), updated_at = VALUES(updated_at)`,
        [accountId, nameHash(name), name, content, Date.now()],
      );
      return 'stored';
    });
  }

  haveSpace(accountId: number, name: string, sizeBytes: number): Promise<Exclude<PutScriptResult, 'invalid-name'>> {
    return spaceFor(this.#database, accountId, name, sizeBytes);
  }

  setActive(accountId: number, name: string | undefined): Promise<'done' | 'no-such-script'> {
    return this.#change<'done' | 'no-such-script'>(accountId, async (transaction) => {
      const hash = nameHash(name ?? '');
      if (name !== undefined && !(await exists(transaction, accountId, hash))) return new Abandon('no-such-script');
      await transaction.change('UPDATE sieve_script SET active = 0 WHERE account_id = ? AND active = 1', [accountId]);
      if (name !== undefined) {
        await transaction.change('UPDATE sieve_script SET active = 1 WHERE account_id = ? AND name_hash = ?', [
          accountId,
          hash,
        ]);
      }
      return 'done';
    });
  }

  async rename(
    accountId: number,
    from: string,
    to: string,
  ): Promise<'renamed' | 'no-such-script' | 'exists' | 'invalid-name'> {
    if (!isScriptName(to)) return 'invalid-name';
    return this.#change<'renamed' | 'no-such-script' | 'exists'>(accountId, async (transaction) => {
      if (!(await exists(transaction, accountId, nameHash(from)))) return new Abandon('no-such-script');
      if (from === to) return new Abandon('renamed');
      if (await exists(transaction, accountId, nameHash(to))) return new Abandon('exists');
      await transaction.change(
        'UPDATE sieve_script SET name = ?, name_hash = ? WHERE account_id = ? AND name_hash = ?',
        [to, nameHash(to), accountId, nameHash(from)],
      );
      return 'renamed';
    });
  }

  delete(accountId: number, name: string): Promise<'deleted' | 'no-such-script' | 'is-active'> {
    return this.#change<'deleted' | 'no-such-script' | 'is-active'>(accountId, async (transaction) => {
      const [row] = await transaction.rows('SELECT active FROM sieve_script WHERE account_id = ? AND name_hash = ?', [
        accountId,
        nameHash(name),
      ]);
      if (row === undefined) return new Abandon('no-such-script');
      if (row[0] === 1) return new Abandon('is-active');
      await transaction.change('DELETE FROM sieve_script WHERE account_id = ? AND name_hash = ?', [
        accountId,
        nameHash(name),
      ]);
      return 'deleted';
    });
  }

  async active(accountId: number): Promise<StoredScript | undefined> {
    return (await this.rules(accountId)).active;
  }

  async rules(accountId: number): Promise<AccountRules> {
    const [row] = await this.#database.rows(
      `SELECT a.rules_version, s.name, s.content, v.value FROM account a
       LEFT JOIN sieve_script s ON s.account_id = a.id AND s.active = 1
       LEFT JOIN setting v ON v.account_id = a.id AND v.mailbox_id = 0 AND v.entry = ?
       WHERE a.id = ?`,
      [VACATION_ENTRY, accountId],
    );
    const [version, name, content, vacation] = (row ?? [0, null, null, null]) as [
      number,
      string | null,
      Buffer | null,
      Buffer | null,
    ];
    const active = name === null || content === null ? undefined : { name, text: content.toString('utf8') };
    return { version, active, vacation: vacation ?? undefined };
  }

  async setVacation(accountId: number, value: Buffer | undefined): Promise<void> {
    await this.#change<void>(accountId, async (transaction) => {
      if (value === undefined) {
        await transaction.change('DELETE FROM setting WHERE account_id = ? AND mailbox_id = 0 AND entry = ?', [
          accountId,
          VACATION_ENTRY,
        ]);
        return;
      }
      await transaction.change(
        `INSERT INTO setting (account_id, mailbox_id, entry, value) VALUES (?, 0, ?, ?)
         ON DUPLICATE KEY UPDATE value = VALUES(value)`,
        [accountId, VACATION_ENTRY, value],
      );
    });
  }

  async vacation(accountId: number): Promise<Buffer | undefined> {
    return (await this.rules(accountId)).vacation;
  }

  async remembered(accountId: number, keys: readonly Buffer[], nowMs: number): Promise<Set<string>> {
    if (keys.length === 0) return new Set();
    const marks = keys.map(() => '?').join(',');
    const rows = await this.#database.rowsOnce(
      `SELECT key_hash FROM sieve_memory WHERE account_id = ? AND key_hash IN (${marks}) AND expires_at > ?`,
      [accountId, ...keys, nowMs],
    );
    return new Set((rows as [Buffer][]).map(([key]) => memoryKeyText(key)));
  }

  #change<T>(accountId: number, work: (transaction: Transaction) => Promise<T | Abandon<T>>): Promise<T> {
    return changeSettings<T>(this.#database, this.#notices, { accountIds: [accountId] }, async (transaction) => {
      await transaction.change('UPDATE account SET rules_version = rules_version + 1 WHERE id = ?', [accountId]);
      return work(transaction);
    });
  }
}

/** The account's last error of a script; committed with the delivery that it happened to. */
export async function writeSieveError(transaction: Transaction, accountId: number, value: Buffer): Promise<void> {
  await transaction.later(
    `INSERT INTO setting (account_id, mailbox_id, entry, value) VALUES (?, 0, ?, ?)
     ON DUPLICATE KEY UPDATE value = VALUES(value)`,
    [accountId, SIEVE_ERROR_ENTRY, value],
  );
}

type SqlReader = Pick<Transaction, 'rows'>;

async function exists(sql: SqlReader, accountId: number, hash: Buffer): Promise<boolean> {
  const rows = await sql.rows('SELECT 1 FROM sieve_script WHERE account_id = ? AND name_hash = ?', [accountId, hash]);
  return rows.length > 0;
}

async function spaceFor(
  sql: SqlReader,
  accountId: number,
  name: string,
  sizeBytes: number,
): Promise<Exclude<PutScriptResult, 'invalid-name'>> {
  if (sizeBytes > MAX_SCRIPT_BYTES) return 'too-large';
  const [row] = await sql.rows(
    'SELECT COUNT(*), COALESCE(SUM(LENGTH(content)), 0) FROM sieve_script WHERE account_id = ? AND name_hash <> ?',
    [accountId, nameHash(name)],
  );
  const [scripts, bytes] = (row ?? [0, 0]).map(Number) as [number, number];
  if (scripts >= MAX_SCRIPTS) return 'too-many-scripts';
  return bytes + sizeBytes > MAX_SCRIPTS_BYTES ? 'over-quota' : 'stored';
}
