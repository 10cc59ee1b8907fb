import type { ChangeNotices } from './changes.ts';
import type { Database, Row } from './database.ts';
import type { KnownToken, NewToken, TokenOwner, Tokens } from './mailstore.ts';
import { changeSettings } from './setting-change.ts';
import { Abandon } from './transaction.ts';

const COLUMNS = 'token.name, certificate_name, scope, token.created_at, expires_at';

export class SqlTokens implements Tokens {
  readonly #database: Database;
  readonly #notices: ChangeNotices;

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
  }

  async put(accountId: number, token: NewToken): Promise<void> {
    await changeSettings<void>(this.#database, this.#notices, { accountIds: [accountId] }, async (transaction) => {
      await transaction.later(
        `REPLACE INTO token (token_hash, account_id, name, certificate_name, scope, created_at, expires_at, password_version)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        [
          token.hash,
          accountId,
          token.name,
          token.certificateName,
          token.scope,
          Date.now(),
          token.expiresAtMs,
          token.passwordVersion ?? null,
        ],
      );
    });
  }

  async list(accountId: number): Promise<KnownToken[]> {
    const rows = await this.#database.rows(
      `SELECT ${COLUMNS} FROM token WHERE account_id = ? AND expires_at > ? ORDER BY name`,
      [accountId, Date.now()],
    );
    return rows.map(tokenOf);
  }

  async revoke(accountId: number, name: string): Promise<void> {
    await changeSettings<void>(this.#database, this.#notices, { accountIds: [accountId] }, async (transaction) => {
      const { affectedRows } = await transaction.change('DELETE FROM token WHERE account_id = ? AND name = ?', [
        accountId,
        name,
      ]);
      return affectedRows === 0 ? new Abandon(undefined) : undefined;
    });
  }

  async find(hashes: readonly Buffer[]): Promise<Map<string, KnownToken & TokenOwner>> {
    const found = new Map<string, KnownToken & TokenOwner>();
    if (hashes.length === 0) return found;
    const rows = await this.#database.rowsOnce(
      `SELECT ${COLUMNS}, account.id, directory_uuid, address, token_hash, password_version FROM token JOIN account ON account.id = account_id
       WHERE token_hash IN (${hashes.map(() => '?').join(',')}) AND expires_at > ?`,
      [...hashes, Date.now()],
    );
    for (const row of rows) {
      const account = { id: row[5] as number, uuid: row[6] as string, address: row[7] as string };
      found.set((row[8] as Buffer).toString('hex'), {
        ...tokenOf(row),
        account,
        passwordVersion: (row[9] as string | null) ?? undefined,
      });
    }
    return found;
  }
}

function tokenOf(row: Row): KnownToken {
  return {
    name: row[0] as string,
    certificateName: row[1] as string,
    scope: row[2] as KnownToken['scope'],
    createdAtMs: row[3] as number,
    expiresAtMs: row[4] as number,
  };
}
