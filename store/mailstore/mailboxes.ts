import { accountOfAllMail, allMailId } from './all-mail-id.ts';
import type { ChangeNotices } from './changes.ts';
import { moveAllMessages } from './copies.ts';
import { type Database, integerList } from './database.ts';
import { DELETED, SEEN } from './flags.ts';
import type { AccountLeases } from './leases/account-leases.ts';
import { INFO_COLUMNS, infoOf, MailboxFinder } from './mailbox-finder.ts';
import { canonicalMailboxName, checkMailboxName, mailboxNameHash, SEPARATOR } from './mailbox-name.ts';
import { byName, readOverview } from './mailbox-overview.ts';
import { insertMailbox, insertMissingParents } from './mailbox-rows.ts';
import type { MailboxViews } from './mailbox-views.ts';
import type {
  CreateMailboxResult,
  FoundMailbox,
  Mailboxes,
  MailboxInfo,
  MailboxOverview,
  MailboxStatus,
  OpenOptions,
  RenameMailboxResult,
  SpecialUse,
} from './mailstore.ts';
import type { SelectedMailbox } from './selected-mailbox.ts';
import { Abandon, inTransaction } from './transaction.ts';
import { WriteScope } from './write-scope.ts';

export class SqlMailboxes implements Mailboxes {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #views: MailboxViews;
  readonly #finder: MailboxFinder;

  constructor(database: Database, notices: ChangeNotices, views: MailboxViews, leases?: AccountLeases) {
    this.#database = database;
    this.#notices = notices;
    this.#views = views;
    this.#finder = new MailboxFinder(database, leases);
  }

  async list(accountId: number): Promise<MailboxInfo[]> {
    const rows = await this.#database.rows(
      `SELECT ${INFO_COLUMNS} FROM mailbox WHERE owner_id = ? AND name_hash IS NOT NULL`,
      [accountId],
    );
    return rows.map(infoOf).sort(byName);
  }

  overview(accountId: number, granted: boolean): Promise<MailboxOverview> {
    return readOverview(this.#database, accountId, granted);
  }

  async subscriptions(accountId: number): Promise<string[]> {
    const rows = await this.#database.rows('SELECT name FROM subscription WHERE account_id = ?', [accountId]);
    return rows.map(([name]) => name as string).sort();
  }

  async subscribe(accountId: number, given: string): Promise<'subscribed' | 'invalid-name'> {
    const checked = checkMailboxName(given);
    if (checked.kind === 'invalid-name') return 'invalid-name';
    const { name } = checked;
    return this.#underLock<'subscribed'>(accountId, async (scope) => {
      const { affectedRows } = await scope.transaction.change(
        'INSERT IGNORE INTO subscription (account_id, name_hash, name) VALUES (?, ?, ?)',
        [accountId, mailboxNameHash(name), name],
      );
      if (affectedRows === 0) return new Abandon('subscribed');
      scope.listChanged(accountId);
      await scope.save();
      return 'subscribed';
    });
  }

  async unsubscribe(accountId: number, given: string): Promise<void> {
    await this.#underLock<undefined>(accountId, async (scope) => {
      const { affectedRows } = await scope.transaction.change(
        'DELETE FROM subscription WHERE account_id = ? AND name_hash = ?',
        [accountId, mailboxNameHash(canonicalMailboxName(given))],
      );
      if (affectedRows === 0) return new Abandon(undefined);
      scope.listChanged(accountId);
      await scope.save();
      return undefined;
    });
  }

  find(accountId: number, given: string): Promise<FoundMailbox | undefined> {
    return this.#finder.find(accountId, mailboxNameHash(canonicalMailboxName(given)));
  }

  async allMail(accountId: number): Promise<Omit<MailboxInfo, 'name'> | undefined> {
    const view = await this.#views.allMail(accountId);
    if (view === undefined) return undefined;
    return { id: view.mailboxId, accountId, uidValidity: view.head.uidValidity, specialUse: '\\All' };
  }

  create(
    accountId: number,
    given: string,
    options: { readonly specialUse?: SpecialUse } = {},
  ): Promise<CreateMailboxResult> {
    const checked = checkMailboxName(given);
    if (checked.kind === 'invalid-name') return Promise.resolve(checked);
    const { name } = checked;
    const specialUse = options.specialUse ?? null;
    return this.#underLock<CreateMailboxResult>(accountId, async (scope) => {
      const taken = await scope.transaction.rows(
        'SELECT name_hash = ? FROM mailbox WHERE owner_id = ? AND (name_hash = ? OR special_use = ?) AND deleted_at IS NULL',
        [mailboxNameHash(name), accountId, mailboxNameHash(name), specialUse],
      );
      if (taken.some(([sameName]) => sameName === 1)) return new Abandon({ kind: 'exists' });
      if (taken.length > 0) return new Abandon({ kind: 'special-use-taken' });
      const { id, uidValidity } = await insertMailbox(scope, accountId, name, specialUse);
      await scope.save();
      const mailbox = { id, accountId, name, uidValidity, specialUse: specialUse ?? undefined };
      return { kind: 'created', mailbox };
    });
  }

  setSpecialUse(
    accountId: number,
    given: string,
    use: SpecialUse | undefined,
  ): Promise<'set' | 'no-such-mailbox' | 'special-use-taken'> {
    const name = canonicalMailboxName(given);
    return this.#underLock<'set' | 'no-such-mailbox' | 'special-use-taken'>(accountId, async (scope) => {
      const rows = await scope.transaction.rows(
        'SELECT name FROM mailbox WHERE owner_id = ? AND name_hash IS NOT NULL AND special_use = ?',
        [accountId, use ?? ''],
      );
      if (rows.some(([other]) => other !== name)) return new Abandon('special-use-taken');
      const [row] = await scope.lockMailboxesByName([{ ownerId: accountId, hash: mailboxNameHash(name) }]);
      const mailbox = row === undefined ? undefined : scope.mailbox(row[0] as number);
      if (mailbox === undefined) return new Abandon('no-such-mailbox');
      await scope.transaction.change('UPDATE mailbox SET special_use = ? WHERE id = ?', [use ?? null, mailbox.id]);
      // RFC 7162 §3.2: it is an annotation of the mailbox (RFC 6154 §4).
      scope.modSeqFor(mailbox);
      scope.listChanged(accountId);
      await scope.save();
      return 'set';
    });
  }

  remove(accountId: number, given: string): Promise<'deleted' | 'no-such-mailbox' | 'is-inbox'> {
    const name = canonicalMailboxName(given);
    if (name === 'INBOX') return Promise.resolve('is-inbox');
    return this.#underLock<'deleted' | 'no-such-mailbox'>(accountId, async (scope) => {
      const [row] = await scope.lockMailboxesByName([{ ownerId: accountId, hash: mailboxNameHash(name) }]);
      const mailbox = row === undefined ? undefined : scope.mailbox(row[0] as number);
      const account = scope.account(accountId);
      if (mailbox === undefined || account === undefined) return new Abandon('no-such-mailbox');
      // The rows stay for undelete; garbage collection takes them when the time for that is over.
      account.bytes -= mailbox.bytes;
      account.messages -= mailbox.messages;
      await scope.transaction.change('UPDATE mailbox SET name_hash = NULL, deleted_at = ? WHERE id = ?', [
        Date.now(),
        mailbox.id,
      ]);
      // RFC 4314 §4: DELETE deletes the access control list as well.
      await scope.transaction.change('DELETE FROM mailbox_right WHERE mailbox_id = ?', [mailbox.id]);
      const modSeq = scope.modSeqFor(mailbox);
      // In the mailbox of all mail, what has other copies may have other flags now.
      await scope.transaction.change(
        `UPDATE message m JOIN email e ON e.account_id = ? AND e.email_no = m.email_no SET e.modseq = ?
         WHERE m.mailbox_id = ? AND e.copies > 1`,
        [accountId, modSeq, mailbox.id],
      );
      scope.listChanged(accountId);
      await scope.save();
      return 'deleted';
    });
  }

  rename(accountId: number, fromGiven: string, toGiven: string): Promise<RenameMailboxResult> {
    const from = canonicalMailboxName(fromGiven);
    const checked = checkMailboxName(toGiven);
    if (checked.kind === 'invalid-name') return Promise.resolve(checked);
    const to = checked.name;
    if (to.startsWith(from + SEPARATOR) && from !== 'INBOX') {
      return Promise.resolve({ kind: 'invalid-name', why: 'a mailbox cannot be moved below itself' });
    }
    return this.#underLock<RenameMailboxResult>(accountId, async (scope) => {
      const rows = await scope.transaction.rows(
        'SELECT id, name FROM mailbox WHERE owner_id = ? AND name_hash IS NOT NULL',
        [accountId],
      );
      const idByName = new Map((rows as [number, string][]).map(([id, name]) => [name, id]));
      if (idByName.has(to)) return new Abandon({ kind: 'exists' });
      const source = idByName.get(from);
      if (from === 'INBOX') {
        if (source === undefined) return new Abandon({ kind: 'no-such-mailbox' });
        const created = await insertMailbox(scope, accountId, to);
        await scope.lockMailboxes([source]);
        await moveAllMessages(scope, source, created.id);
        // RFC 5464 §4: both keep the annotations. What begins otherwise is no entry, but a key of one mailbox alone.
        await scope.transaction.change(
          `INSERT INTO setting (account_id, mailbox_id, entry, value)
           SELECT account_id, ?, entry, value FROM setting WHERE account_id = ? AND mailbox_id = ? AND entry LIKE '/%'`,
          [created.id, accountId, source],
        );
        await scope.save();
        return { kind: 'renamed' };
      }
      const moving = [...idByName].filter(([name]) => name === from || name.startsWith(from + SEPARATOR));
      // RFC 9051 §6.3.6: a name that exists only as the parent of others can be renamed as well.
      if (moving.length === 0) return new Abandon({ kind: 'no-such-mailbox' });
      const renamed = moving.map(([name, id]) => ({ id, name: to + name.slice(from.length) }));
      if (renamed.some(({ name }) => idByName.has(name))) return new Abandon({ kind: 'exists' });
      const tooLong = renamed.map(({ name }) => checkMailboxName(name)).find((c) => c.kind === 'invalid-name');
      if (tooLong !== undefined && tooLong.kind === 'invalid-name') return new Abandon(tooLong);
      for (const { id, name } of renamed) {
        await scope.transaction.change('UPDATE mailbox SET name = ?, name_hash = ? WHERE id = ?', [
          name,
          mailboxNameHash(name),
          id,
        ]);
      }
      await insertMissingParents(scope, accountId, to);
      scope.listChanged(accountId);
      await scope.save();
      return { kind: 'renamed' };
    });
  }

  async status(mailboxIds: readonly number[], forAccountId?: number): Promise<(MailboxStatus | undefined)[]> {
    const rows = mailboxIds.filter((id) => accountOfAllMail(id) === undefined);
    const counted = new Map((await this.#statusOfRows(rows, forAccountId)).map((status) => [status.id, status]));
    return Promise.all(
      mailboxIds.map((id) => {
        const accountId = accountOfAllMail(id);
        return accountId === undefined ? counted.get(id) : this.#statusOfAllMail(accountId);
      }),
    );
  }

  async #statusOfAllMail(accountId: number): Promise<MailboxStatus | undefined> {
    const view = await this.#views.allMail(accountId);
    if (view === undefined) return undefined;
    const { flags, count } = view.current;
    let unseen = 0;
    let deleted = 0;
    for (let i = 0; i < count; i++) {
      if (((flags[i] as number) & SEEN) === 0) unseen++;
      if (((flags[i] as number) & DELETED) !== 0) deleted++;
    }
    // RFC 8438 §3: the size may be more than the sum of all messages; each copy counts here.
    const [row] = await this.#database.rows('SELECT bytes FROM account WHERE id = ?', [accountId]);
    const { uidValidity, uidNext, highestModSeq } = view.head;
    const counters = { messages: count, unseen, deleted, recent: 0, sizeBytes: (row?.[0] ?? 0) as number };
    return { id: allMailId(accountId), uidValidity, uidNext, highestModSeq, ...counters };
  }

  async #statusOfRows(mailboxIds: readonly number[], forAccountId: number | undefined): Promise<MailboxStatus[]> {
    if (mailboxIds.length === 0) return [];
    const columns = `id, uidvalidity, uidnext, highestmodseq, n_msgs, n_unseen, n_deleted, bytes, first_recent_uid, owner_id`;
    const live = 'name_hash IS NOT NULL';
    const rows =
      mailboxIds.length === 1
        ? await this.#database.rows(`SELECT ${columns} FROM mailbox WHERE id = ? AND ${live}`, [
            mailboxIds[0] as number,
          ])
        : await this.#database.rowsOnce(
            `SELECT ${columns} FROM mailbox WHERE id IN (${integerList(mailboxIds)}) AND ${live}`,
          );
    const byId = new Map((rows as number[][]).map((row) => [row[0] as number, statusOf(row)]));
    await Promise.all(
      [...byId.values()].map(async (status) => {
        if (forAccountId !== undefined && forAccountId !== status.ownerId) {
          status.unseen = status.messages - (await this.#seenBy(status.id, forAccountId));
          return;
        }
        if (status.firstRecentUid >= status.uidNext) return;
        const [row] = await this.#database.rows('SELECT COUNT(*) FROM message WHERE mailbox_id = ? AND uid >= ?', [
          status.id,
          status.firstRecentUid,
        ]);
        status.recent = row?.[0] as number;
      }),
    );
    return [...byId.values()];
  }

  /** How many messages of a mailbox a user has seen who is not its owner. */
  async #seenBy(mailboxId: number, accountId: number): Promise<number> {
    const [row] = await this.#database.rows(
      `SELECT COUNT(*) FROM seen_by s JOIN message m ON m.mailbox_id = s.mailbox_id AND m.uid = s.uid
       WHERE s.mailbox_id = ? AND s.user_id = ? AND s.seen = 1`,
      [mailboxId, accountId],
    );
    return (row?.[0] ?? 0) as number;
  }

  async deletedBytes(mailboxId: number): Promise<number> {
    const [row] = await this.#database.rows(
      `SELECT COALESCE(SUM(size), 0) FROM message WHERE mailbox_id = ? AND (flags & ${DELETED}) <> 0`,
      [mailboxId],
    );
    return Number(row?.[0] ?? 0);
  }

  open(mailboxId: number, options: OpenOptions): Promise<SelectedMailbox | undefined> {
    return this.#views.open(mailboxId, options);
  }

  #underLock<T>(accountId: number, work: (scope: WriteScope) => Promise<T | Abandon<T>>): Promise<T> {
    return inTransaction<T>(this.#database, async (transaction) => {
      const scope = new WriteScope(transaction, this.#notices);
      await scope.lockAccounts([accountId]);
      return work(scope);
    });
  }
}

interface CountedMailbox extends MailboxStatus {
  recent: number;
  unseen: number;
  readonly firstRecentUid: number;
  readonly ownerId: number;
}

function statusOf(row: number[]): CountedMailbox {
  const [id, uidValidity, uidNext, highestModSeq, messages, unseen, deleted, sizeBytes, firstRecentUid, ownerId] =
    row as [number, number, number, number, number, number, number, number, number, number];
  const counters = { messages, unseen, deleted, sizeBytes, recent: 0 };
  return { id, uidValidity, uidNext, highestModSeq, ...counters, firstRecentUid, ownerId };
}
