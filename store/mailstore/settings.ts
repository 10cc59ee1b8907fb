import type { ChangeNotices } from './changes.ts';
import { type Database, integerList } from './database.ts';
import type { MailboxOfSettings, SettingChange, SettingMark, Settings, StoredSetting } from './mailstore.ts';
import { changeSettings } from './setting-change.ts';
import { Abandon } from './transaction.ts';

const MARK = 'SELECT mailbox_id, entry, LOWER(SHA2(value, 256)) FROM setting';

export class SqlSettings implements Settings {
  readonly #database: Database;
  readonly #notices: ChangeNotices;

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
  }

  async read(accountId: number, mailboxId: number): Promise<StoredSetting[]> {
    const rows = await this.#database.rows(
      'SELECT entry, value FROM setting WHERE account_id = ? AND mailbox_id = ? ORDER BY entry',
      [accountId, mailboxId],
    );
    return rows.map(([entry, value]) => ({ entry: entry as string, value: value as Buffer }));
  }

  async marks(accountId: number, shared: readonly MailboxOfSettings[]): Promise<SettingMark[]> {
    const rows =
      shared.length === 0
        ? await this.#database.rows(`${MARK} WHERE account_id = ?`, [accountId])
        : await this.#database.rowsOnce(
            `${MARK} WHERE account_id = ? UNION ALL ${MARK}
             WHERE account_id IN (${integerList(shared.map((mailbox) => mailbox.accountId))})
             AND mailbox_id IN (${integerList(shared.map(({ id }) => id))}) AND account_id <> ? AND entry LIKE '/shared/%'`,
            [accountId, accountId],
          );
    return (rows as [number, string, string][]).map(([mailboxId, entry, sha256]) => ({ mailboxId, entry, sha256 }));
  }

  async write(changes: readonly SettingChange[]): Promise<void> {
    const accountIds = changes.map(({ accountId }) => accountId);
    const mailboxes = changes.flatMap(({ mailbox, entry }) => (isAnnotation(entry) && mailbox ? [mailbox] : []));
    await changeSettings<void>(this.#database, this.#notices, { accountIds, mailboxes }, async (transaction) => {
      let changed = 0;
      for (const { accountId, mailbox, entry, value } of changes) {
        const mailboxId = mailbox?.id ?? 0;
        const { affectedRows } =
          value === undefined
            ? await transaction.change('DELETE FROM setting WHERE account_id = ? AND mailbox_id = ? AND entry = ?', [
                accountId,
                mailboxId,
                entry,
              ])
            : await transaction.change(
                `INSERT INTO setting (account_id, mailbox_id, entry, value) VALUES (?, ?, ?, ?)
                 ON DUPLICATE KEY UPDATE value = VALUES(value)`,
                [accountId, mailboxId, entry, value],
              );
        changed += affectedRows;
      }
      return changed === 0 ? new Abandon(undefined) : undefined;
    });
  }

  async writeOnce(accountId: number, mailboxId: number, entry: string, value: Buffer): Promise<Buffer> {
    await changeSettings<void>(this.#database, this.#notices, { accountIds: [accountId] }, async (transaction) => {
      const { affectedRows } = await transaction.change(
        'INSERT IGNORE INTO setting (account_id, mailbox_id, entry, value) VALUES (?, ?, ?, ?)',
        [accountId, mailboxId, entry, value],
      );
      return affectedRows === 0 ? new Abandon(undefined) : undefined;
    });
    const kept = (await this.read(accountId, mailboxId)).find((setting) => setting.entry === entry);
    return kept?.value ?? value;
  }
}

/** What begins otherwise is a key of the server's own. */
const isAnnotation = (entry: string): boolean => entry.startsWith('/');
