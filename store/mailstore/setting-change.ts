import type { ChangeNotices } from './changes.ts';
import type { Database } from './database.ts';
import { Abandon, inTransaction, type Transaction } from './transaction.ts';
import { WriteScope } from './write-scope.ts';

/**
 * Changes what METADATA entries of accounts show, by the write rule: under the accounts' locks, with a row of the change feed
 * for each, so that whoever asked to be told of it (RFC 5465 §5.6, §5.7) is woken.
 */
export function changeSettings<T>(
  database: Database,
  notices: ChangeNotices,
  accountIds: readonly number[],
  work: (transaction: Transaction) => Promise<T | Abandon<T>>,
): Promise<T> {
  return inTransaction<T>(database, async (transaction) => {
    const announce = await settingsWillChange(transaction, notices, accountIds);
    const result = await work(transaction);
    if (!(result instanceof Abandon)) await announce();
    return result;
  });
}

/** The same within a transaction that does more: call it before any other lock is taken, and what it returns last of all. */
export async function settingsWillChange(
  transaction: Transaction,
  notices: ChangeNotices,
  accountIds: readonly number[],
): Promise<() => Promise<void>> {
  const scope = new WriteScope(transaction, notices);
  await scope.lockAccounts(accountIds);
  return async () => {
    // An account that was purged meanwhile has nobody to wake.
    for (const id of new Set(accountIds)) if (scope.account(id) !== undefined) scope.listChanged(id);
    await scope.save();
  };
}
