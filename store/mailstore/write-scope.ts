import type { ChangeNotices } from './changes.ts';
import { integerList, type Row } from './database.ts';
import { LeasedElsewhere } from './leases/leased-elsewhere.ts';
import type { SpecialUse } from './mailstore.ts';
import { rangesOfUids, type UidRange, writeMessageChanges } from './message-changes.ts';
import type { SqlQuery, Transaction } from './transaction.ts';

/** An account row that this transaction has locked. Change the numbers; `save` writes them. */
export interface LockedAccount {
  readonly id: number;
  modSeq: number;
  nextEmailNo: number;
  nextUidValidity: number;
  bytes: number;
  messages: number;
  /** Version of its rules; `Scripts` alone moves it. */
  readonly rulesVersion: number;
}

/** A mailbox row that this transaction has locked. */
export interface LockedMailbox {
  readonly id: number;
  readonly ownerId: number;
  readonly name: string;
  readonly uidValidity: number;
  uidNext: number;
  highestModSeq: number;
  messages: number;
  unseen: number;
  deleted: number;
  bytes: number;
}

/** What happens to an account that somebody else has locked: it is waited for, left out, or ends the statement by a fault. */
export type AccountLock = 'wait' | 'skip-locked' | 'no-wait';

const ACCOUNT_LOCKS: Readonly<Record<AccountLock, string>> = {
  wait: '',
  'skip-locked': ' SKIP LOCKED',
  'no-wait': ' NOWAIT',
};

const ACCOUNT_COLUMNS = 'id, modseq, next_email_no, next_uidvalidity, bytes, n_msgs, rules_version, leased_to';
const MAILBOX_COLUMNS =
  'id, owner_id, name, uidvalidity, uidnext, highestmodseq, n_msgs, n_unseen, n_deleted, bytes, deleted_at';

/**
 * The write rule: account rows locked in order of id, then mailbox rows; numbers taken under these locks; every locked
 * row that gave a number is written. Nobody locks a mailbox row without its owner's account row, so no two transactions
 * can wait for each other's mailboxes.
 */
export class WriteScope {
  readonly transaction: Transaction;
  readonly #notices: ChangeNotices;
  readonly #accounts = new Map<number, LockedAccount>();
  readonly #mailboxes = new Map<number, LockedMailbox>();
  /** The mod-sequence that this transaction took, by account: one for all its changes. */
  readonly #modSeqs = new Map<number, number>();
  readonly #touched = new Set<number>();
  readonly #listChanged = new Set<number>();
  /** UIDs whose messages this transaction changed, by mailbox. */
  readonly #changed = new Map<number, UidRange[]>();

  constructor(transaction: Transaction, notices: ChangeNotices) {
    this.transaction = transaction;
    this.#notices = notices;
  }

  /** Locks account rows in order of id. With `skip-locked` those that somebody else holds are missing afterwards. */
  async lockAccounts(ids: readonly number[], mode: AccountLock = 'wait'): Promise<void> {
    const { sql, values } = this.accountsById(ids, mode);
    this.keepAccounts(await this.transaction.rows(sql, values), mode);
  }

  /** The same, to be run with other queries: what it returns goes to {@link WriteScope.keepAccounts}. */
  accountsById(ids: readonly number[], mode: AccountLock): SqlQuery {
    const sorted = [...new Set(ids)].sort((a, b) => a - b);
    const select = `SELECT ${ACCOUNT_COLUMNS} FROM account`;
    const lock = `FOR UPDATE${ACCOUNT_LOCKS[mode]}`;
    if (sorted.length === 1) return { sql: `${select} WHERE id = ? ${lock}`, values: [sorted[0] as number] };
    const where = `FORCE INDEX (PRIMARY) WHERE id IN (${integerList(sorted)})`;
    return { sql: `${select} ${where} ORDER BY id ${lock}`, values: [] };
  }

  /**
   * Locks accounts, then mailboxes of theirs, in one round trip.
   *
   * @param then queries that travel with them and are answered under the locks; the rows of each are returned
   */
  async lock(
    accountIds: readonly number[],
    mailboxIds: readonly number[],
    then: readonly SqlQuery[] = [],
    mode: 'wait' | 'no-wait' = 'wait',
  ): Promise<Row[][]> {
    const [accounts, mailboxes, ...sets] = await this.transaction.rowSets([
      this.accountsById(accountIds, mode),
      mailboxesById(mailboxIds),
      ...then,
    ]);
    this.keepAccounts(accounts as Row[]);
    this.keepMailboxes(mailboxes as Row[]);
    return sets;
  }

  /**
   * Accounts are kept that are leased to nobody else; with `skip-locked` the others are missing afterwards, as if they were locked.
   *
   * @throws LeasedElsewhere
   */
  keepAccounts(rows: readonly Row[], mode: AccountLock = 'wait'): void {
    for (const row of rows as number[][]) {
      const [id, modSeq, nextEmailNo, nextUidValidity, bytes, messages, rulesVersion, leasedTo = 0] = row;
      if (mode === 'skip-locked' && !this.transaction.mayWrite(leasedTo)) continue;
      this.transaction.writes(id as number, leasedTo);
      this.#accounts.set(id as number, {
        id: id as number,
        modSeq: modSeq as number,
        nextEmailNo: nextEmailNo as number,
        nextUidValidity: nextUidValidity as number,
        bytes: bytes as number,
        messages: messages as number,
        rulesVersion: rulesVersion as number,
      });
    }
  }

  /** Locks mailbox rows in order of id. Deleted ones, and those of accounts that are not locked, are left out. */
  async lockMailboxes(ids: readonly number[]): Promise<void> {
    if (ids.length > 0) this.keepMailboxes(await this.transaction.rowsOnce(mailboxesById(ids).sql));
  }

  /**
   * Locks mailboxes by owner and name hash; the owners' accounts must be locked, so names cannot change meanwhile. To be
   * run with other queries: what it returns goes to {@link WriteScope.keepMailboxes}.
   */
  mailboxesByName(names: readonly { readonly ownerId: number; readonly hash: Buffer }[]): SqlQuery {
    const condition = names.map(() => '(owner_id = ? AND name_hash = ?)').join(' OR ') || 'FALSE';
    return {
      sql: `SELECT ${MAILBOX_COLUMNS}, name_hash FROM mailbox WHERE ${condition} ORDER BY id FOR UPDATE`,
      values: names.flatMap(({ ownerId, hash }) => [ownerId, hash]),
    };
  }

  /** The same for mailboxes with a special use (RFC 6154); the last column is the use. */
  mailboxesByUse(wanted: readonly { readonly ownerId: number; readonly specialUse: SpecialUse }[]): SqlQuery {
    const condition =
      wanted.map(() => '(owner_id = ? AND special_use = ? AND deleted_at IS NULL)').join(' OR ') || 'FALSE';
    return {
      sql: `SELECT ${MAILBOX_COLUMNS}, special_use FROM mailbox WHERE ${condition} ORDER BY id FOR UPDATE`,
      values: wanted.flatMap(({ ownerId, specialUse }) => [ownerId, specialUse]),
    };
  }

  /** Locks them, and returns the rows: the columns of a mailbox, and the hash of its name. */
  async lockMailboxesByName(names: readonly { readonly ownerId: number; readonly hash: Buffer }[]): Promise<Row[]> {
    const { sql, values } = this.mailboxesByName(names);
    const rows = await this.transaction.rows(sql, values);
    this.keepMailboxes(rows);
    return rows;
  }

  keepMailboxes(rows: readonly Row[]): void {
    for (const row of rows) {
      const ownerId = row[1] as number;
      if (row[10] !== null || !this.#accounts.has(ownerId)) continue;
      this.#mailboxes.set(row[0] as number, {
        id: row[0] as number,
        ownerId,
        name: row[2] as string,
        uidValidity: row[3] as number,
        uidNext: row[4] as number,
        highestModSeq: row[5] as number,
        messages: row[6] as number,
        unseen: row[7] as number,
        deleted: row[8] as number,
        bytes: row[9] as number,
      });
    }
  }

  /** Knows a mailbox that this transaction has just inserted. */
  addMailbox(mailbox: LockedMailbox): void {
    this.#mailboxes.set(mailbox.id, mailbox);
  }

  account(id: number): LockedAccount | undefined {
    return this.#accounts.get(id);
  }

  mailbox(id: number): LockedMailbox | undefined {
    return this.#mailboxes.get(id);
  }

  /** The mod-sequence of this transaction's changes in the account, and marks the mailbox as changed at it. */
  modSeqFor(mailbox: LockedMailbox): number {
    const modSeq = this.modSeqOf(mailbox.ownerId);
    mailbox.highestModSeq = modSeq;
    this.#touched.add(mailbox.id);
    return modSeq;
  }

  /** Messages with these UIDs, ascending, change at the mod-sequence of this transaction; new ones need not be told, but for copies. */
  messagesChanged(mailbox: LockedMailbox, uids: ArrayLike<number>): void {
    this.#changed.set(mailbox.id, [...(this.#changed.get(mailbox.id) ?? []), ...rangesOfUids(uids)]);
  }

  /** The mod-sequence of this transaction's changes in the account: taken from its counter at the first call. */
  modSeqOf(accountId: number): number {
    const taken = this.#modSeqs.get(accountId);
    if (taken !== undefined) return taken;
    const account = this.#accounts.get(accountId);
    if (account === undefined) throw new Error('a mod-sequence was asked of an account that is not locked');
    account.modSeq++;
    this.#modSeqs.set(accountId, account.modSeq);
    return account.modSeq;
  }

  /** The list of mailboxes of the account changed. */
  listChanged(accountId: number): void {
    this.modSeqOf(accountId);
    this.#listChanged.add(accountId);
  }

  /** Writes the numbers and the change feed. The last thing before COMMIT. */
  async save(): Promise<void> {
    const accounts = [...this.#modSeqs.keys()].map((id) => this.#accounts.get(id) as LockedAccount);
    await this.#update(
      'account',
      ['modseq', 'next_email_no', 'next_uidvalidity', 'bytes', 'n_msgs'],
      accounts.map((a) => [a.id, a.modSeq, a.nextEmailNo, a.nextUidValidity, a.bytes, a.messages]),
    );
    const mailboxes = [...this.#touched].map((id) => this.#mailboxes.get(id) as LockedMailbox);
    await this.#update(
      'mailbox',
      ['uidnext', 'highestmodseq', 'n_msgs', 'n_unseen', 'n_deleted', 'bytes'],
      mailboxes.map((m) => [m.id, m.uidNext, m.highestModSeq, m.messages, m.unseen, m.deleted, m.bytes]),
    );
    for (const m of mailboxes) {
      const changed = this.#changed.get(m.id);
      if (changed !== undefined) await writeMessageChanges(this.transaction, m.id, m.highestModSeq, changed);
    }
    const changes = mailboxes.map((m) => ({ accountId: m.ownerId, mailboxId: m.id, modSeq: m.highestModSeq }));
    for (const accountId of this.#listChanged) {
      changes.push({ accountId, mailboxId: 0, modSeq: this.modSeqOf(accountId) });
    }
    if (changes.length === 0) return;
    const tuples = changes.map(() => '(UNIX_TIMESTAMP(), ?, ?, ?)').join(',');
    await this.transaction.later(
      `INSERT INTO change_feed (bucket, account_id, mailbox_id, modseq) VALUES ${tuples}
       ON DUPLICATE KEY UPDATE modseq = VALUES(modseq)`,
      changes.flatMap((c) => [c.accountId, c.mailboxId, c.modSeq]),
    );
    this.transaction.afterCommit(() => {
      for (const change of changes) this.#notices.announce(change);
    });
  }

  /** One UPDATE for all rows; each row is its id and then the columns' values. */
  async #update(table: string, columns: readonly string[], rows: readonly number[][]): Promise<void> {
    if (rows.length === 0) return;
    const [first] = rows;
    if (rows.length === 1 && first !== undefined) {
      const [id, ...values] = first;
      const set = columns.map((column) => `${column} = ?`).join(', ');
      await this.transaction.later(`UPDATE ${table} SET ${set} WHERE id = ?`, [...values, id as number]);
      return;
    }
    const set = columns.map((column, i) => {
      const cases = rows.map((row) => `WHEN ${integerList([row[0] as number])} THEN ${Number(row[i + 1])}`);
      return `${column} = CASE id ${cases.join(' ')} END`;
    });
    const ids = integerList(rows.map((row) => row[0] as number));
    await this.transaction.later(`UPDATE ${table} SET ${set.join(', ')} WHERE id IN (${ids})`);
  }
}

/**
 * Locks the row of an account whose rows a transaction changes without taking numbers for it.
 *
 * @throws LeasedElsewhere
 */
export async function lockAccount(transaction: Transaction, accountId: number): Promise<void> {
  const [row] = await transaction.rows('SELECT leased_to FROM account WHERE id = ? FOR UPDATE', [accountId]);
  if (row !== undefined) transaction.writes(accountId, row[0] as number);
}

/** NOWAIT on a locked row: 1205 on MariaDB, 3572 on MySQL. The transaction goes on. So it does when another process has the account's lease. */
export function isLockedByOthers(fault: unknown): boolean {
  if (fault instanceof LeasedElsewhere) return true;
  const { errno } = fault as { errno?: number };
  return errno === 1205 || errno === 3572;
}

function mailboxesById(ids: readonly number[]): SqlQuery {
  return {
    sql: `SELECT ${MAILBOX_COLUMNS} FROM mailbox FORCE INDEX (PRIMARY) WHERE id IN (${integerList([...new Set(ids)].sort((a, b) => a - b))})
          ORDER BY id FOR UPDATE`,
    values: [],
  };
}
