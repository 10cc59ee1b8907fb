import type { Row, SqlValue } from './database.ts';
import type { Delivery, RememberedKey } from './mailstore.ts';
import { insertRowsLater } from './queued-transaction.ts';
import type { SqlQuery, Transaction } from './transaction.ts';

/**
 * What the accounts of one batch remember (`sieve_memory`), read and written under their locks, so that of two deliveries that
 * ask for the same key one alone finds it new.
 */
export class DeliveryMemory {
  readonly #known = new Set<string>();
  readonly #fresh = new Map<string, SqlValue[]>();

  /** What is remembered of all that these deliveries name. */
  query(deliveries: readonly Delivery[], nowMs: number): SqlQuery {
    const conditions: string[] = [];
    const values: SqlValue[] = [];
    for (const { account, rules, outgoing = [] } of deliveries) {
      const keys = [...(rules?.remember ?? []), ...(rules?.notice ? [rules.notice.once] : [])];
      for (const { once } of outgoing) if (once !== undefined) keys.push(once);
      for (const { key } of keys) {
        conditions.push('(account_id = ? AND key_hash = ? AND expires_at > ?)');
        values.push(account.id, key, nowMs);
      }
    }
    const condition = conditions.join(' OR ') || 'FALSE';
    return { sql: `SELECT account_id, key_hash FROM sieve_memory WHERE ${condition}`, values };
  }

  keep(rows: readonly Row[]): void {
    for (const [accountId, key] of rows as [number, Buffer][]) this.#known.add(keyOf(accountId, key));
  }

  /** Whether what the rules decided by is still so. */
  bearsOut({ account, rules }: Delivery, version: number): boolean {
    if (rules === undefined) return true;
    if (rules.version !== version) return false;
    return rules.remember.every(({ key, mustBeNew }) => mustBeNew !== true || !this.#known.has(keyOf(account.id, key)));
  }

  /** Whether the key is new to the account; if so it is remembered. */
  isNew(accountId: number, remembered: RememberedKey): boolean {
    if (this.#known.has(keyOf(accountId, remembered.key))) return false;
    this.remember(accountId, [remembered]);
    return true;
  }

  remember(accountId: number, keys: readonly RememberedKey[]): void {
    for (const { key, untilMs } of keys) {
      this.#known.add(keyOf(accountId, key));
      this.#fresh.set(keyOf(accountId, key), [accountId, key, untilMs]);
    }
  }

  async save(transaction: Transaction): Promise<void> {
    await insertRowsLater(
      transaction,
      'INSERT INTO sieve_memory (account_id, key_hash, expires_at)',
      [...this.#fresh.values()],
      'ON DUPLICATE KEY UPDATE expires_at = VALUES(expires_at)',
    );
  }
}

const keyOf = (accountId: number, key: Buffer): string => `${accountId}/${key.toString('latin1')}`;
