import type { ChangeNotices } from './changes.ts';
import type { Database } from './database.ts';
import type { MailboxOfSettings } from './mailstore.ts';
import { Abandon, inTransaction, type Transaction } from './transaction.ts';
import { WriteScope } from './write-scope.ts';

/** Whose entries change. */
export interface SettingOwners {
  readonly accountIds: readonly number[];
  /** Mailboxes whose entries change: their mod-sequences move (RFC 7162 §3.2). */
  readonly mailboxes?: readonly MailboxOfSettings[];
}

/**
 * Changes what METADATA entries of accounts show, by the write rule: under the accounts' locks, with a row of the change feed
 * for each, so that whoever asked to be told of it (RFC 5465 §5.6, §5.7) is woken.
 */
export function changeSettings<T>(
  database: Database,
  notices: ChangeNotices,
  owners: SettingOwners,
  work: (transaction: Transaction) => Promise<T | Abandon<T>>,
): Promise<T> {
  return inTransaction<T>(database, async (transaction) => {
    const announce = await settingsWillChange(transaction, notices, owners);
    const result = await work(transaction);
    if (!(result instanceof Abandon)) await announce();
    return result;
  });
}

/** The same within a transaction that does more: call it before any other lock is taken, and what it returns last of all. */
export async function settingsWillChange(
  transaction: Transaction,
  notices: ChangeNotices,
  { accountIds, mailboxes = [] }: SettingOwners,
): Promise<() => Promise<void>> {
  const scope = new WriteScope(transaction, notices);
  await scope.lockAccounts([...accountIds, ...mailboxes.map(({ accountId }) => accountId)]);
  await scope.lockMailboxes([...new Set(mailboxes.map(({ id }) => id))]);
  return async () => {
    // What was purged or deleted meanwhile has nobody to wake.
    for (const id of new Set(accountIds)) if (scope.account(id) !== undefined) scope.listChanged(id);
    for (const { id } of mailboxes) {
      const mailbox = scope.mailbox(id);
      if (mailbox !== undefined) scope.modSeqFor(mailbox);
    }
    await scope.save();
  };
}
