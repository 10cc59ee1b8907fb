import type { ChangeNotices } from './changes.ts';
import type { Database } from './database.ts';
import type {
  AccountSummary,
  DeletedMailbox,
  DeletedMessage,
  DeletedMessagesOptions,
  Maintenance,
  Problem,
  RestoredMessage,
  RestoreMailboxResult,
  VerifyOptions,
  VerifyReport,
} from './mailstore.ts';
import { inTransaction } from './transaction.ts';
import { listDeletedMailboxes, listDeletedMessages, restoreMailbox, restoreMessages } from './undelete.ts';
import { verifyAccount } from './verify-account.ts';
import { verifyKeyGaps, verifyKeys } from './verify-derived.ts';
import { verifyBodies, verifyOrphans, verifyOutgoing } from './verify-rest.ts';
import { WriteScope } from './write-scope.ts';

/** Checks mail, and brings back what was deleted. */
export class SqlMaintenance implements Maintenance {
  readonly #database: Database;
  readonly #notices: ChangeNotices;

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
  }

  async accounts(): Promise<AccountSummary[]> {
    const rows = await this.#database.rows(
      'SELECT id, directory_uuid, address, n_msgs, bytes, created_at FROM account ORDER BY address',
    );
    return (rows as [number, string, string | null, number, number, number][]).map(
      ([id, uuid, address, messages, bytes, createdAt]) => ({
        id,
        uuid,
        address: address ?? '',
        messages,
        bytes,
        createdAt: new Date(createdAt),
      }),
    );
  }

  async verify(options: VerifyOptions, onProblem: (problem: Problem) => void): Promise<VerifyReport> {
    let problems = 0;
    let repaired = 0;
    const tell = (address: string | undefined, found: readonly Omit<Problem, 'address'>[]): void => {
      for (const { text, state } of found) {
        problems++;
        if (state === 'repaired') repaired++;
        onProblem({ address, text, state });
      }
    };
    const repair = options.repair === true;
    const accounts = await this.accounts();
    for (const { id, address } of accounts) {
      const found = await inTransaction(this.#database, async (transaction) => {
        const scope = new WriteScope(transaction, this.#notices);
        await scope.lockAccounts([id]);
        return verifyAccount(scope, id, repair);
      });
      tell(address, found);
    }
    tell(undefined, await verifyOrphans(this.#database, repair));
    tell(undefined, await verifyKeyGaps(this.#database, repair));
    tell(undefined, await verifyOutgoing(this.#database));
    tell(undefined, await verifyBodies(this.#database, { read: options.bodies === true, repair }));
    if (options.bodies === true) tell(undefined, await verifyKeys(this.#database, repair));
    return { accounts: accounts.length, problems, repaired };
  }

  deletedMailboxes(accountId: number): Promise<DeletedMailbox[]> {
    return listDeletedMailboxes(this.#database, accountId);
  }

  deletedMessages(accountId: number, options: DeletedMessagesOptions = {}): Promise<DeletedMessage[]> {
    return listDeletedMessages(this.#database, accountId, options);
  }

  restoreMailbox(accountId: number, mailboxId: number, name?: string): Promise<RestoreMailboxResult> {
    return restoreMailbox(this.#database, this.#notices, accountId, mailboxId, name);
  }

  restoreMessages(
    accountId: number,
    messages: readonly { readonly mailboxId: number; readonly uid: number }[],
    into?: string,
  ): Promise<RestoredMessage[]> {
    return restoreMessages(this.#database, this.#notices, accountId, messages, into);
  }
}
