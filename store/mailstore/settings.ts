import type { Database } from './database.ts';
import type { Settings, StoredSetting } from './mailstore.ts';
import { inTransaction } from './transaction.ts';

export class SqlSettings implements Settings {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async read(accountId: number, mailboxId: number): Promise<StoredSetting[]> {
    const rows = await this.#database.rows(
      'SELECT entry, value FROM setting WHERE account_id = ? AND mailbox_id = ? ORDER BY entry',
      [accountId, mailboxId],
    );
    return rows.map(([entry, value]) => ({ entry: entry as string, value: value as Buffer }));
  }

  async write(
    accountId: number,
    mailboxId: number,
    changes: readonly { readonly entry: string; readonly value: Buffer | undefined }[],
  ): Promise<void> {
    await inTransaction(this.#database, async (transaction) => {
      for (const { entry, value } of changes) {
        if (value === undefined) {
          await transaction.change('DELETE FROM setting WHERE account_id = ? AND mailbox_id = ? AND entry = ?', [
            accountId,
            mailboxId,
            entry,
          ]);
        } else {
          await transaction.change(
            `INSERT INTO setting (account_id, mailbox_id, entry, value) VALUES (?, ?, ?, ?)
             ON DUPLICATE KEY UPDATE value = VALUES(value)`,
            [accountId, mailboxId, entry, value],
          );
        }
      }
    });
  }

  async writeOnce(accountId: number, mailboxId: number, entry: string, value: Buffer): Promise<Buffer> {
    await this.#database.change(
      'INSERT IGNORE INTO setting (account_id, mailbox_id, entry, value) VALUES (?, ?, ?, ?)',
      [accountId, mailboxId, entry, value],
    );
    const kept = (await this.read(accountId, mailboxId)).find((setting) => setting.entry === entry);
    return kept?.value ?? value;
  }
}
