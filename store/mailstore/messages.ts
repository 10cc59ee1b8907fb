import { withinQuota } from './accounts.ts';
import type { ChangeNotices } from './changes.ts';
import type { SqlContents } from './content.ts';
import { type Database, integerList } from './database.ts';
import { readExpungedSince } from './expunged.ts';
import { readPages } from './fetch-pages.ts';
import { DELETED } from './flags.ts';
import { type Keywords, NO_KEYWORDS } from './keywords.ts';
import type {
  AppendMessage,
  AppendResult,
  CopyResult,
  ExpungedSince,
  ExpungeResult,
  FetchedMessage,
  FetchWants,
  FlagChange,
  KeyWants,
  MessageKeys,
  Messages,
  QuotaLimits,
  StoredStructure,
  StoreFlagsResult,
  TextCriterion,
} from './mailstore.ts';
import { readKeys } from './message-keys.ts';
import { MessageInserts, type NewMessage } from './message-rows.ts';
import { searchTexts } from './search.ts';
import { storeFlags } from './store-flags.ts';
import { Abandon, inTransaction } from './transaction.ts';
import { copyMessages, readCounted, removeMessages } from './transfer.ts';
import { type LockedMailbox, WriteScope } from './write-scope.ts';

export class SqlMessages implements Messages {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #keywords: Keywords;
  readonly #contents: SqlContents;
  /** A mailbox never changes its owner. */
  readonly #owners = new Map<number, number>();

  constructor(database: Database, notices: ChangeNotices, keywords: Keywords, contents: SqlContents) {
    this.#database = database;
    this.#notices = notices;
    this.#keywords = keywords;
    this.#contents = contents;
  }

  fetch(mailboxId: number, uids: ArrayLike<number>, want: FetchWants): AsyncIterable<FetchedMessage[]> {
    return readPages(this.#database, this.#contents, mailboxId, uids, want);
  }

  readBody(contentId: Buffer, start?: number, end?: number): Promise<Buffer> {
    return this.#contents.read(contentId, start, end);
  }

  structure(contentId: Buffer): Promise<StoredStructure | undefined> {
    return this.#contents.structure(contentId);
  }

  append(mailboxId: number, messages: readonly AppendMessage[], quota: QuotaLimits): Promise<AppendResult> {
    return this.#locked<AppendResult>([mailboxId], async (scope, mailbox) => {
      const more = {
        bytes: messages.reduce((sum, m) => sum + m.content.sizeBytes, 0),
        messages: messages.length,
      };
      const result = await this.#insert(scope, mailbox, messages, more, quota);
      if (!(result instanceof Abandon)) await scope.save();
      return result;
    });
  }

  replace(
    mailboxId: number,
    uid: number,
    toMailboxId: number,
    message: AppendMessage,
    quota: QuotaLimits,
  ): Promise<AppendResult | { readonly kind: 'replaced-is-gone' }> {
    return this.#locked<AppendResult | { readonly kind: 'replaced-is-gone' }>(
      [mailboxId, toMailboxId],
      async (scope, from, to) => {
        const [replaced] = await readCounted(scope, from.id, [uid]);
        if (replaced === undefined) return new Abandon({ kind: 'replaced-is-gone' });
        const freed = from.ownerId === to.ownerId ? replaced.sizeBytes : 0;
        const more = { bytes: message.content.sizeBytes - freed, messages: freed > 0 ? 0 : 1 };
        const result = await this.#insert(scope, to, [message], more, quota);
        if (result instanceof Abandon) return result;
        await removeMessages(scope, from, [replaced], 'expunge', '');
        await scope.save();
        return result;
      },
    );
  }

  /** Adds messages to a mailbox that is locked; `more` is what the account grows by. */
  async #insert(
    scope: WriteScope,
    mailbox: LockedMailbox,
    messages: readonly AppendMessage[],
    more: { readonly bytes: number; readonly messages: number },
    quota: QuotaLimits,
  ): Promise<AppendResult | Abandon<AppendResult>> {
    const account = scope.account(mailbox.ownerId);
    if (account === undefined) throw new Error('the account of a mailbox is not locked');
    const grows = more.bytes > 0 || more.messages > 0;
    if (grows && !withinQuota({ bytes: account.bytes, messages: account.messages }, more, quota)) {
      return new Abandon<AppendResult>({ kind: 'over-quota' });
    }
    const inserts = new MessageInserts(scope);
    const uids: number[] = [];
    for (const { content, flags, internalDate } of messages) {
      const names = flags.keywords;
      const bits =
        names.length === 0 ? NO_KEYWORDS : await this.#keywords.bitsOf(scope.transaction, mailbox.ownerId, names, true);
      if (bits === undefined) return new Abandon<AppendResult>({ kind: 'too-many-keywords' });
      const into: NewMessage = { mailbox, flags: flags.system, keywords: bits };
      uids.push(...inserts.add(account, content, internalDate.getTime(), [into]).uids);
    }
    await inserts.flush();
    return { kind: 'appended', uidValidity: mailbox.uidValidity, uids, modSeq: mailbox.highestModSeq };
  }

  storeFlags(mailboxId: number, uids: ArrayLike<number>, change: FlagChange): Promise<StoreFlagsResult> {
    return this.#locked<StoreFlagsResult>([mailboxId], (scope, mailbox) =>
      storeFlags(scope, this.#keywords, mailbox, uids, change),
    );
  }

  copy(mailboxId: number, uids: ArrayLike<number>, toMailboxId: number, quota: QuotaLimits): Promise<CopyResult> {
    return this.#transfer(mailboxId, uids, toMailboxId, quota, false);
  }

  move(mailboxId: number, uids: ArrayLike<number>, toMailboxId: number, quota: QuotaLimits): Promise<CopyResult> {
    return this.#transfer(mailboxId, uids, toMailboxId, quota, true);
  }

  #transfer(
    mailboxId: number,
    uids: ArrayLike<number>,
    toMailboxId: number,
    quota: QuotaLimits,
    move: boolean,
  ): Promise<CopyResult> {
    return this.#locked<CopyResult>([mailboxId, toMailboxId], async (scope, from, to) => {
      if (from.ownerId !== to.ownerId) throw new Error('copies between accounts are not supported');
      const messages = await readCounted(scope, from.id, uids);
      const sourceUids = messages.map((m) => m.uid);
      const nothing: CopyResult = {
        kind: 'copied',
        uidValidity: to.uidValidity,
        sourceUids,
        destinationUids: [],
        sourceModSeq: undefined,
      };
      if (messages.length === 0) return new Abandon(nothing);
      const account = scope.account(to.ownerId);
      if (account === undefined) throw new Error('the account of a mailbox is not locked');
      const more = { bytes: messages.reduce((sum, m) => sum + m.sizeBytes, 0), messages: messages.length };
      if (!move && !withinQuota({ bytes: account.bytes, messages: account.messages }, more, quota)) {
        return new Abandon({ kind: 'over-quota' });
      }
      const destinationUids = await copyMessages(scope, from, to, messages);
      if (move) await removeMessages(scope, from, messages, 'move', '');
      await scope.save();
      return { ...nothing, destinationUids, sourceModSeq: move ? from.highestModSeq : undefined };
    });
  }

  expunge(mailboxId: number, uids?: ArrayLike<number>): Promise<ExpungeResult> {
    return this.#locked<ExpungeResult>([mailboxId], async (scope, mailbox) => {
      const nothing: ExpungeResult = { kind: 'expunged', uids: [], modSeq: mailbox.highestModSeq };
      if (mailbox.deleted === 0) return new Abandon(nothing);
      const messages = await readCounted(scope, mailbox.id, uids ?? 'all', `(flags & ${DELETED}) <> 0`);
      if (messages.length === 0) return new Abandon(nothing);
      await removeMessages(scope, mailbox, messages, 'expunge', '');
      await scope.save();
      return { kind: 'expunged', uids: messages.map((m) => m.uid), modSeq: mailbox.highestModSeq };
    });
  }

  expungedSince(mailboxId: number, modSeq: number): Promise<ExpungedSince> {
    return readExpungedSince(this.#database, mailboxId, modSeq);
  }

  async search(mailboxId: number, uids: ArrayLike<number>, texts: readonly TextCriterion[]): Promise<number[]> {
    const accountId = await this.#ownerOf(mailboxId);
    if (accountId === undefined) return [];
    return searchTexts(this.#database, this.#contents, accountId, mailboxId, uids, texts);
  }

  keys(mailboxId: number, uids: ArrayLike<number>, want: KeyWants): Promise<MessageKeys[]> {
    return readKeys(this.#database, this.#contents, mailboxId, uids, want);
  }

  async #ownerOf(mailboxId: number): Promise<number | undefined> {
    const known = this.#owners.get(mailboxId);
    if (known !== undefined) return known;
    const [row] = await this.#database.rows('SELECT owner_id FROM mailbox WHERE id = ?', [mailboxId]);
    if (row === undefined) return undefined;
    if (this.#owners.size > 100_000) this.#owners.clear();
    this.#owners.set(mailboxId, row[0] as number);
    return row[0] as number;
  }

  /** Runs `work` with the mailboxes, and their owners' accounts, locked by the write rule. */
  async #locked<T>(
    mailboxIds: readonly [number] | readonly [number, number],
    work: (scope: WriteScope, first: LockedMailbox, second: LockedMailbox) => Promise<T | Abandon<T>>,
  ): Promise<T | { readonly kind: 'no-such-mailbox' }> {
    integerList(mailboxIds);
    const owners = await Promise.all(mailboxIds.map((id) => this.#ownerOf(id)));
    if (owners.includes(undefined)) return { kind: 'no-such-mailbox' };
    return inTransaction<T | { readonly kind: 'no-such-mailbox' }>(this.#database, async (transaction) => {
      const scope = new WriteScope(transaction, this.#notices);
      await scope.lockAccounts(owners as number[]);
      await scope.lockMailboxes(mailboxIds);
      const first = scope.mailbox(mailboxIds[0]);
      const second = scope.mailbox(mailboxIds[1] ?? mailboxIds[0]);
      if (first === undefined || second === undefined) return new Abandon({ kind: 'no-such-mailbox' });
      return work(scope, first, second);
    });
  }
}
