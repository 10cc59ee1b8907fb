import { readAccount } from './backup-read.ts';
import type { ChangeNotices } from './changes.ts';
import type { SqlContents } from './content.ts';
import type { Database } from './database.ts';
import type {
  BackupSink,
  BackupSource,
  Backups,
  RestoreAccountOrder,
  RestoreAccountResult,
  RestoreBackedUpMailboxResult,
  RestoreMailboxOrder,
} from './door/backups.ts';
import type { Keywords } from './keywords.ts';
import { mailboxNameHash } from './mailbox-name.ts';
import { releaseReserved, reserveAccounts, restoreAccount } from './restore-account.ts';
import { restoreBackedUpMailbox } from './restore-mailbox.ts';

/** Backup and restore behind the door; how either works stands in backup-read, restore-account and restore-mailbox. */
export class SqlBackups implements Backups {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #keywords: Keywords;
  readonly #contents: SqlContents;

  constructor(database: Database, notices: ChangeNotices, keywords: Keywords, contents: SqlContents) {
    this.#database = database;
    this.#notices = notices;
    this.#keywords = keywords;
    this.#contents = contents;
  }

  read(directoryUuid: string, sink: BackupSink): Promise<'read' | 'no-such-account'> {
    return readAccount(this.#database, directoryUuid, sink);
  }

  restoreAccount(order: RestoreAccountOrder, source: BackupSource): Promise<RestoreAccountResult> {
    return restoreAccount(this.#database, this.#contents, order, source);
  }

  restoreMailbox(order: RestoreMailboxOrder, source: BackupSource): Promise<RestoreBackedUpMailboxResult> {
    const here = {
      database: this.#database,
      notices: this.#notices,
      keywords: this.#keywords,
      contents: this.#contents,
    };
    return restoreBackedUpMailbox(here, order, source);
  }

  async strangers(snapshot: string): Promise<number> {
    // A place that a restore has reserved has no address.
    const [row] = await this.#database.rows(
      `SELECT COUNT(*) FROM account a LEFT JOIN restore_record r
         ON r.snapshot = ? AND r.directory_uuid = a.directory_uuid AND r.target = ?
       WHERE a.address IS NOT NULL AND r.snapshot IS NULL`,
      [snapshot, mailboxNameHash('')],
    );
    return row?.[0] as number;
  }

  reserve(accounts: readonly { readonly uuid: string; readonly id: number }[]): Promise<void> {
    return reserveAccounts(this.#database, accounts);
  }

  releaseReserved(directoryUuids: readonly string[]): Promise<void> {
    return releaseReserved(this.#database, directoryUuids);
  }
}
