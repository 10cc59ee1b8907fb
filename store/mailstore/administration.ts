import type { Database, Row, SqlValue } from './database.ts';
import type {
  AdministrationRecords,
  ApiTokenRecord,
  Deletion,
  Difference,
  LogEntry,
  LogQuestion,
  NewLogEntry,
  Purged,
} from './mailstore.ts';
import { purgeAccount } from './purge.ts';

const USED_RESOLUTION_MS = 60_000;
const TOKEN_COLUMNS =
  'id, token_hash, label, dn, sealed_password, domains, actions, created_by, created_at, expires_at, last_used_at';

export class SqlAdministrationRecords implements AdministrationRecords {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async log(entry: NewLogEntry): Promise<void> {
    const { actor, via, client, action, domain, target, differences } = entry;
    await this.#database.change(
      `INSERT INTO administration_log (at, actor, via, client, action, domain, target, differences)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      [Date.now(), actor, via, client, action, domain, target.slice(0, 320), JSON.stringify(differences)],
    );
  }

  async readLog({ domains, beforeId, target, limit }: LogQuestion): Promise<LogEntry[]> {
    if (domains?.length === 0) return [];
    const conditions: string[] = [];
    const values: SqlValue[] = [];
    if (domains !== undefined) {
      conditions.push(`domain IN (${domains.map(() => '?').join(',')})`);
      values.push(...domains);
    }
    if (beforeId !== undefined) {
      conditions.push('id < ?');
      values.push(beforeId);
    }
    if (target !== undefined) {
      conditions.push('target = ?');
      values.push(target);
    }
    const rows = await this.#database.rowsOnce(
      `SELECT id, at, actor, via, client, action, domain, target, differences FROM administration_log
       ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`} ORDER BY id DESC LIMIT ${Math.floor(limit)}`,
      values,
    );
    return rows.map((row) => ({
      id: row[0] as number,
      atMs: row[1] as number,
      actor: row[2] as string,
      via: row[3] as LogEntry['via'],
      client: row[4] as string,
      action: row[5] as string,
      domain: row[6] as string,
      target: row[7] as string,
      differences: JSON.parse(row[8] as string) as Difference[],
    }));
  }

  async markDeleted(deletion: Deletion): Promise<void> {
    const { address, domain, kind, directoryUuid, actor, deletedAtMs, purgeAfterMs } = deletion;
    await this.#database.change(
      `REPLACE INTO deletion (address, domain, kind, directory_uuid, actor, deleted_at, purge_after)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [address, domain, kind, directoryUuid, actor, deletedAtMs, purgeAfterMs],
    );
  }

  async findDeletion(directoryUuid: string): Promise<Deletion | undefined> {
    const [row] = await this.#database.rows(
      'SELECT address, domain, kind, actor, deleted_at, purge_after FROM deletion WHERE directory_uuid = ?',
      [directoryUuid],
    );
    return (
      row && {
        address: row[0] as string,
        domain: row[1] as string,
        kind: row[2] as Deletion['kind'],
        directoryUuid,
        actor: row[3] as string,
        deletedAtMs: row[4] as number,
        purgeAfterMs: row[5] as number,
      }
    );
  }

  async forgetDeletion(directoryUuid: string): Promise<void> {
    await this.#database.change('DELETE FROM deletion WHERE directory_uuid = ?', [directoryUuid]);
  }

  async putToken(token: ApiTokenRecord): Promise<void> {
    await this.#database.change(
      `INSERT INTO api_token (id, token_hash, label, dn, sealed_password, domains, actions, created_by, created_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        token.id,
        token.hash,
        token.label,
        token.dn,
        token.sealedPassword,
        JSON.stringify(token.domains),
        JSON.stringify(token.actions),
        token.createdBy,
        token.createdAtMs,
        token.expiresAtMs,
      ],
    );
  }

  async findToken(hash: Buffer): Promise<ApiTokenRecord | undefined> {
    const [row] = await this.#database.rows(
      `SELECT ${TOKEN_COLUMNS} FROM api_token WHERE token_hash = ? AND expires_at > ?`,
      [hash, Date.now()],
    );
    return row && tokenOf(row);
  }

  async listTokens(): Promise<ApiTokenRecord[]> {
    const rows = await this.#database.rows(`SELECT ${TOKEN_COLUMNS} FROM api_token ORDER BY created_at`);
    return rows.map(tokenOf);
  }

  async removeToken(id: string): Promise<void> {
    await this.#database.change('DELETE FROM api_token WHERE id = ?', [id]);
  }

  purge(directoryUuid: string): Promise<Purged | undefined> {
    return purgeAccount(this.#database, directoryUuid);
  }

  async tokenUsed(id: string): Promise<void> {
    const now = Date.now();
    await this.#database.change(
      'UPDATE api_token SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)',
      [now, id, now - USED_RESOLUTION_MS],
    );
  }
}

function tokenOf(row: Row): ApiTokenRecord {
  return {
    id: row[0] as string,
    hash: row[1] as Buffer,
    label: row[2] as string,
    dn: row[3] as string,
    sealedPassword: row[4] as Buffer,
    domains: JSON.parse(row[5] as string) as string[],
    actions: JSON.parse(row[6] as string) as string[],
    createdBy: row[7] as string,
    createdAtMs: row[8] as number,
    expiresAtMs: row[9] as number,
    lastUsedAtMs: (row[10] as number | null) ?? undefined,
  };
}
