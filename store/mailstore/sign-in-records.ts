import { acceptedTotpStep } from '@postern/shared/sign-in/totp.ts';
import type { ChangeNotices } from './changes.ts';
import type { Database } from './database.ts';
import type { AppPasswordRecord, AppPasswords, SecondFactors } from './mailstore.ts';
import { changeSettings } from './setting-change.ts';

const USED_RESOLUTION_MS = 60_000;

export class SqlSecondFactors implements SecondFactors {
  readonly #database: Database;
  readonly #notices: ChangeNotices;

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
  }

  async sinceMs(accountId: number): Promise<number | undefined> {
    const [row] = await this.#database.rows('SELECT created_at FROM second_factor WHERE account_id = ?', [accountId]);
    return row?.[0] as number | undefined;
  }

  async useCode(accountId: number, code: string, nowMs: number): Promise<boolean> {
    const [row] = await this.#database.rows('SELECT secret, last_step FROM second_factor WHERE account_id = ?', [
      accountId,
    ]);
    if (row === undefined) return false;
    const step = acceptedTotpStep(row[0] as Buffer, code, nowMs, row[1] as number);
    if (step === undefined) return false;
    const { affectedRows } = await this.#database.change(
      'UPDATE second_factor SET last_step = ? WHERE account_id = ? AND last_step < ?',
      [step, accountId, step],
    );
    return affectedRows === 1;
  }

  async put(accountId: number, secret: Buffer, lastStep: number): Promise<void> {
    await changeSettings<void>(this.#database, this.#notices, { accountIds: [accountId] }, (transaction) =>
      transaction.later('REPLACE INTO second_factor (account_id, secret, created_at, last_step) VALUES (?, ?, ?, ?)', [
        accountId,
        secret,
        Date.now(),
        lastStep,
      ]),
    );
  }

  async remove(accountId: number): Promise<void> {
    await changeSettings<void>(this.#database, this.#notices, { accountIds: [accountId] }, (transaction) =>
      transaction.later('DELETE FROM second_factor WHERE account_id = ?', [accountId]),
    );
  }
}

export class SqlAppPasswords implements AppPasswords {
  readonly #database: Database;
  readonly #notices: ChangeNotices;

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
  }

  async list(accountId: number): Promise<AppPasswordRecord[]> {
    const rows = await this.#database.rows(
      'SELECT name, label, services, created_at, last_used_at FROM app_password WHERE account_id = ? ORDER BY created_at',
      [accountId],
    );
    return rows.map((row) => ({
      name: row[0] as string,
      label: row[1] as string,
      services: (row[2] as string).split(' ').filter((service) => service !== ''),
      createdAtMs: row[3] as number,
      lastUsedAtMs: (row[4] as number | null) ?? undefined,
    }));
  }

  async put(
    accountId: number,
    { name, label, services }: { readonly name: string; readonly label: string; readonly services: readonly string[] },
  ): Promise<void> {
    await changeSettings<void>(this.#database, this.#notices, { accountIds: [accountId] }, (transaction) =>
      transaction.later(
        'REPLACE INTO app_password (account_id, name, label, services, created_at) VALUES (?, ?, ?, ?, ?)',
        [accountId, name, label, services.join(' '), Date.now()],
      ),
    );
  }

  async remove(accountId: number, name: string): Promise<void> {
    await changeSettings<void>(this.#database, this.#notices, { accountIds: [accountId] }, (transaction) =>
      transaction.later('DELETE FROM app_password WHERE account_id = ? AND name = ?', [accountId, name]),
    );
  }

  async used(accountId: number, name: string): Promise<void> {
    const now = Date.now();
    await this.#database.change(
      `UPDATE app_password SET last_used_at = ? WHERE account_id = ? AND name = ?
       AND (last_used_at IS NULL OR last_used_at < ?)`,
      [now, accountId, name, now - USED_RESOLUTION_MS],
    );
  }
}
