import type { ChangeNotices } from './changes.ts';
import type { Database } from './database.ts';
import { insertRows } from './database.ts';
import { mailboxNameHash } from './mailbox-name.ts';
import type {
  Accounts,
  AdoptResult,
  EnsureAccountResult,
  QuotaLimits,
  QuotaUsage,
  SpecialUse,
  StoredAccount,
} from './mailstore.ts';
import { Abandon, inTransaction, type Transaction } from './transaction.ts';

/** What every account has from the first login or delivery on. */
const STANDARD_MAILBOXES: readonly (readonly [name: string, specialUse: SpecialUse | null])[] = [
  ['INBOX', null],
  ['Drafts', '\\Drafts'],
  ['Sent', '\\Sent'],
  ['Junk', '\\Junk'],
  ['Trash', '\\Trash'],
  ['Archive', '\\Archive'],
];

const MAX_REMEMBERED = 100_000;

export class SqlAccounts implements Accounts {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #byUuid = new Map<string, StoredAccount>();

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
  }

  async ensure(given: { readonly uuid: string; readonly address: string }): Promise<EnsureAccountResult> {
    const remembered = this.#byUuid.get(given.uuid);
    if (remembered !== undefined && remembered.address === given.address) {
      return { kind: 'ready', account: remembered };
    }
    const result = await inTransaction<EnsureAccountResult>(this.#database, async (transaction) => {
      const existing = await transaction.rows('SELECT id, address FROM account WHERE directory_uuid = ?', [given.uuid]);
      const [row] = existing;
      if (row !== undefined && row[1] === given.address) {
        return new Abandon({ kind: 'ready', account: { id: row[0] as number, ...given } });
      }
      const holders = await transaction.rows('SELECT id, directory_uuid FROM account WHERE address = ?', [
        given.address,
      ]);
      const [holder] = holders;
      // Somebody else may have made the same account since the first look.
      if (holder !== undefined && holder[1] === given.uuid) {
        return new Abandon({ kind: 'ready', account: { id: holder[0] as number, ...given } });
      }
      if (holder !== undefined) return new Abandon({ kind: 'address-taken', byUuid: holder[1] as string });
      if (row !== undefined) {
        await transaction.change('UPDATE account SET address = ? WHERE id = ?', [given.address, row[0] as number]);
        return { kind: 'ready', account: { id: row[0] as number, ...given } };
      }
      const id = await createAccount(transaction, given);
      transaction.afterCommit(() => this.#notices.announce({ accountId: id, mailboxId: 0, modSeq: 1 }));
      return { kind: 'ready', account: { id, ...given } };
    });
    if (result.kind === 'ready') {
      if (this.#byUuid.size >= MAX_REMEMBERED) this.#byUuid.clear();
      this.#byUuid.set(given.uuid, { id: result.account.id, uuid: given.uuid, address: given.address });
    }
    return result;
  }

  async adopt({ address, uuid }: { readonly address: string; readonly uuid: string }): Promise<AdoptResult> {
    return await inTransaction<AdoptResult>(this.#database, async (transaction) => {
      const rows = await transaction.rows(
        'SELECT id, directory_uuid, address FROM account WHERE address = ? OR directory_uuid = ? ORDER BY id FOR UPDATE',
        [address, uuid],
      );
      const held = rows.find((row) => row[2] === address);
      if (held === undefined) return new Abandon('no-such-account');
      if (held[1] === uuid) return new Abandon('was-so-already');
      if (rows.length > 1) return new Abandon('entry-has-account');
      await transaction.change('UPDATE account SET directory_uuid = ? WHERE id = ?', [uuid, held[0] as number]);
      transaction.afterCommit(() => this.#byUuid.delete(held[1] as string));
      return 'adopted';
    });
  }

  async find(address: string): Promise<StoredAccount | undefined> {
    const [row] = await this.#database.rows('SELECT id, directory_uuid, address FROM account WHERE address = ?', [
      address.toLowerCase(),
    ]);
    return row && { id: row[0] as number, uuid: row[1] as string, address: row[2] as string };
  }

  async usage(accountId: number): Promise<QuotaUsage> {
    const [row] = await this.#database.rows('SELECT bytes, n_msgs FROM account WHERE id = ?', [accountId]);
    return { bytes: (row?.[0] ?? 0) as number, messages: (row?.[1] ?? 0) as number };
  }

  async fits(accountId: number, bytes: number, limits: QuotaLimits): Promise<boolean> {
    if (limits.bytes === 0 && limits.messages === 0) return true;
    return withinQuota(await this.usage(accountId), { bytes, messages: 1 }, limits);
  }
}

/** Whether `more` fits beside `used`. A mailbox that is exactly full takes nothing; a limit of 0 is none. */
export function withinQuota(used: QuotaUsage, more: QuotaUsage, limits: QuotaLimits): boolean {
  if (limits.messages > 0 && used.messages + more.messages > limits.messages) return false;
  if (limits.bytes === 0) return true;
  return more.bytes === 0 ? used.bytes < limits.bytes : used.bytes + more.bytes <= limits.bytes;
}

async function createAccount(
  transaction: Transaction,
  given: { readonly uuid: string; readonly address: string },
): Promise<number> {
  // UIDVALIDITY starts at the time in seconds: an account made anew under an old address never repeats what the old one's
  // clients have cached (RFC 9051 §2.3.1.1).
  const now = Date.now();
  const firstUidValidity = Math.floor(now / 1000);
  const { insertId } = await transaction.change(
    'INSERT INTO account (directory_uuid, address, next_uidvalidity, created_at) VALUES (?, ?, ?, ?)',
    [given.uuid, given.address, firstUidValidity + STANDARD_MAILBOXES.length, now],
  );
  await insertRows(
    transaction,
    'INSERT INTO mailbox (owner_id, name, name_hash, uidvalidity, special_use, created_at)',
    STANDARD_MAILBOXES.map(([name, use], i) => [insertId, name, mailboxNameHash(name), firstUidValidity + i, use, now]),
  );
  await insertRows(
    transaction,
    'INSERT INTO subscription (account_id, name_hash, name)',
    STANDARD_MAILBOXES.map(([name]) => [insertId, mailboxNameHash(name), name]),
  );
  return insertId;
}
