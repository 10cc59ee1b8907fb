import { withinQuota } from './accounts.ts';
import { AppendProcedures } from './append-procedure.ts';
import { ACCOUNT_HELD, type AppendReads, Appends, addMessages } from './appends.ts';
import { type NewBody, writeBodyRows } from './body-rows.ts';
import type { ChangeNotices } from './changes.ts';
import type { SqlContents } from './content.ts';
import { countCopies, insertCopies, insertKnownCopies } from './copies.ts';
import { type Database, integerList, type Row } from './database.ts';
import { readExpungedSince } from './expunged.ts';
import { readPages } from './fetch-pages.ts';
import type { Keywords } from './keywords.ts';
import type { MailboxViews } from './mailbox-views.ts';
import type {
  AppendMessage,
  AppendResult,
  CopyResult,
  ExpungedSince,
  ExpungeResult,
  FetchedMessage,
  FetchWants,
  FlagActor,
  FlagChange,
  KeyWants,
  MessageKeys,
  Messages,
  QuotaLimits,
  ReplaceResult,
  StoredStructure,
  StoreFlagsResult,
  TextCriterion,
  ThreadKeys,
} from './mailstore.ts';
import { readKeys, readThreadKeys } from './message-keys.ts';
import { MessageInserts } from './message-rows.ts';
import { copyToOtherAccount } from './other-account.ts';
import { carrySeen, flagsCarried } from './own-seen.ts';
import { type Removal, removeInSlices } from './removals.ts';
import { searchTexts } from './search.ts';
import { SentDates } from './sent-dates.ts';
import { storeFlags } from './store-flags.ts';
import { ThreadRows } from './thread-rows.ts';
import { Abandon, inTransaction, type SqlQuery } from './transaction.ts';
import { readCounted, removeMessages } from './transfer.ts';
import { slicesOf, uidRuns } from './uid-ranges.ts';
import { isLockedByOthers, type LockedMailbox, WriteScope } from './write-scope.ts';

/**
 * Messages of one transaction of STORE, COPY and MOVE: the account is locked for some ten milliseconds at a time, and
 * deliveries come in between.
 */
const SLICE = 5000;
/** STORE on a mailbox that is in memory reads nothing and takes half the time. */
const SLICE_OF_FLAGS = 10_000;

export class SqlMessages implements Messages {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #keywords: Keywords;
  readonly #contents: SqlContents;
  /** A mailbox never changes its owner. */
  readonly #owners = new Map<number, number>();
  readonly #appends: Appends;
  readonly #dates: SentDates;
  readonly #views: Pick<MailboxViews, 'at' | 'emailNumbers'>;
  readonly #threads: ThreadRows;

  constructor(
    database: Database,
    notices: ChangeNotices,
    keywords: Keywords,
    contents: SqlContents,
    views: Pick<MailboxViews, 'at' | 'emailNumbers'>,
  ) {
    this.#database = database;
    this.#notices = notices;
    this.#keywords = keywords;
    this.#contents = contents;
    this.#views = views;
    this.#dates = new SentDates(database);
    this.#threads = new ThreadRows(database);
    this.#appends = new Appends(
      keywords,
      contents,
      (mailboxId, bodies, ask, work) => this.#lockedWithBodies(mailboxId, bodies, ask, work),
      new AppendProcedures(database, notices, (mailboxId) => this.#ownerOf(mailboxId)),
      Math.floor(database.connections / 4),
    );
  }

  fetch(mailboxId: number, uids: ArrayLike<number>, want: FetchWants): AsyncIterable<FetchedMessage[]> {
    const numbers = this.#views.emailNumbers(mailboxId);
    return readPages(this.#database, this.#contents, mailboxId, uids, want, numbers);
  }

  readBody(contentId: Buffer, start?: number, end?: number): Promise<Buffer> {
    return this.#contents.read(contentId, start, end);
  }

  structure(contentId: Buffer): Promise<StoredStructure | undefined> {
    return this.#contents.structure(contentId);
  }

  append(
    mailboxId: number,
    messages: readonly AppendMessage[],
    quota: QuotaLimits,
    name?: string,
  ): Promise<AppendResult> {
    return this.#appends.append(mailboxId, messages, quota, name);
  }

  async replace(
    mailboxId: number,
    uid: number,
    toMailboxId: number,
    given: AppendMessage,
    quota: QuotaLimits,
    byUser?: string,
  ): Promise<ReplaceResult> {
    const message = { ...given, content: await this.#contents.keep(given.content) };
    return this.#locked<ReplaceResult>([mailboxId, toMailboxId], async (scope, from, to) => {
      const [replaced] = await readCounted(scope, from.id, [uid]);
      if (replaced === undefined) return new Abandon({ kind: 'replaced-is-gone' });
      const freed = from.ownerId === to.ownerId ? replaced.sizeBytes : 0;
      const more = { bytes: message.content.sizeBytes - freed, messages: freed > 0 ? 0 : 1 };
      const inserts = new MessageInserts(scope);
      const result = await addMessages(inserts, scope, this.#keywords, to, [message], more, quota);
      if (result.kind !== 'appended') return new Abandon(result);
      await inserts.flush();
      await removeMessages(scope, from, [replaced], 'expunge', byUser);
      await scope.save();
      return { ...result, sourceModSeq: from.highestModSeq };
    });
  }

  async storeFlags(
    mailboxId: number,
    uids: ArrayLike<number>,
    change: FlagChange,
    by?: FlagActor,
  ): Promise<StoreFlagsResult> {
    const modSeqs: number[] = [];
    let changed: readonly number[] = [];
    let modified: readonly number[] = [];
    for (const slice of slicesOf(uids, SLICE_OF_FLAGS)) {
      const result = await this.#locked<StoreFlagsResult>([mailboxId], (scope, mailbox) =>
        storeFlags(scope, this.#keywords, mailbox, slice, change, by, this.#views.at(mailboxId, mailbox)),
      );
      if (result.kind !== 'stored') return result;
      modSeqs.push(...result.modSeqs);
      changed = changed.concat(result.changed);
      modified = modified.concat(result.modified);
    }
    return { kind: 'stored', modSeqs, changed, modified };
  }

  copy(
    mailboxId: number,
    uids: ArrayLike<number>,
    toMailboxId: number,
    quota: QuotaLimits,
    by?: FlagActor,
  ): Promise<CopyResult> {
    return this.#transfer(mailboxId, uids, toMailboxId, quota, false, by);
  }

  move(
    mailboxId: number,
    uids: ArrayLike<number>,
    toMailboxId: number,
    quota: QuotaLimits,
    by?: FlagActor,
    byUser?: string,
  ): Promise<CopyResult> {
    return this.#transfer(mailboxId, uids, toMailboxId, quota, true, by, byUser);
  }

  async #transfer(
    fromId: number,
    uids: ArrayLike<number>,
    toId: number,
    quota: QuotaLimits,
    move: boolean,
    by: FlagActor | undefined,
    byUser?: string,
  ): Promise<CopyResult> {
    if (!(await this.#fitsWhole(fromId, uids, toId, quota, move))) return { kind: 'over-quota' };
    const done = { sourceUids: [] as number[], destinationUids: [] as number[] };
    let uidValidity = 0;
    let sourceModSeq: number | undefined;
    for (const slice of slicesOf(uids, SLICE)) {
      let result: CopyResult;
      try {
        result = await this.#transferSlice(fromId, slice, toId, quota, move, by, byUser);
      } catch (fault) {
        // RFC 9051 §6.4.7: a COPY that fails leaves nothing behind. (A MOVE may have moved some, RFC 6851 §3.3.)
        if (!move) await this.takeBack(toId, done.destinationUids);
        throw fault;
      }
      if (result.kind !== 'copied') {
        if (!move) await this.takeBack(toId, done.destinationUids);
        else if (done.sourceUids.length > 0) break;
        return result;
      }
      uidValidity = result.uidValidity;
      sourceModSeq = result.sourceModSeq ?? sourceModSeq;
      for (const uid of result.sourceUids) done.sourceUids.push(uid);
      for (const uid of result.destinationUids) done.destinationUids.push(uid);
    }
    return { kind: 'copied', uidValidity, ...done, sourceModSeq };
  }

  #transferSlice(
    fromId: number,
    uids: ArrayLike<number>,
    toId: number,
    quota: QuotaLimits,
    move: boolean,
    by: FlagActor | undefined,
    byUser?: string,
  ): Promise<CopyResult> {
    return this.#locked<CopyResult>([fromId, toId], async (scope, from, to) => {
      const before = from.highestModSeq;
      const sameOwner = from.ownerId === to.ownerId;
      const carried = flagsCarried(from, to, by);
      const view = sameOwner ? this.#views.at(fromId, from) : undefined;
      const known = view && (await insertKnownCopies(scope, from, to, view.current, uids, carried));
      const messages = known?.messages ?? (await readCounted(scope, from.id, uids));
      const sourceUids = messages.map((m) => m.uid);
      const { uidValidity } = to;
      const nothing = {
        kind: 'copied' as const,
        uidValidity,
        sourceUids,
        destinationUids: [],
        sourceModSeq: undefined,
      };
      if (messages.length === 0) return new Abandon(nothing);
      const account = scope.account(to.ownerId);
      if (account === undefined) throw new Error('the account of a mailbox is not locked');
      const more = { bytes: messages.reduce((sum, m) => sum + m.sizeBytes, 0), messages: messages.length };
      const grows = !(move && sameOwner);
      if (grows && !withinQuota({ bytes: account.bytes, messages: account.messages }, more, quota)) {
        return new Abandon({ kind: 'over-quota' });
      }
      let destinationUids: readonly number[];
      if (sameOwner) {
        const copies = known ?? (await insertCopies(scope, from, to, messages, carried));
        await countCopies(scope, to, copies, carried);
        destinationUids = copies.newUids;
      } else destinationUids = await copyToOtherAccount(scope, this.#keywords, from, to, messages, carried);
      if (by !== undefined) await carrySeen(scope, from, to, messages, destinationUids, by);
      if (move) {
        await removeMessages(scope, from, messages, 'move', byUser);
        const { highestModSeq } = from;
        // Not of what came to the same mailbox.
        if (from !== to) scope.transaction.afterCommit(() => view?.learnExpunged(sourceUids, before, highestModSeq));
      }
      await scope.save();
      return { ...nothing, destinationUids, sourceModSeq: move ? from.highestModSeq : undefined };
    });
  }

  /** Asked before the first slice, so that a COPY of many is refused before it begins; each slice asks again under the lock. */
  async #fitsWhole(
    fromId: number,
    uids: ArrayLike<number>,
    toId: number,
    quota: QuotaLimits,
    move: boolean,
  ): Promise<boolean> {
    if (uids.length <= SLICE || (quota.bytes === 0 && quota.messages === 0)) return true;
    const [from, to] = await Promise.all([this.#ownerOf(fromId), this.#ownerOf(toId)]);
    if (to === undefined || (move && from === to)) return true;
    const more = { bytes: 0, messages: 0 };
    for (const slice of slicesOf(uids, SLICE)) {
      const [row] = await this.#database.rowsOnce(
        `SELECT CAST(COALESCE(SUM(size), 0) AS DOUBLE), COUNT(*) FROM message
         WHERE mailbox_id = ${integerList([fromId])} AND ${uidRuns(slice)}`,
      );
      more.bytes += row?.[0] as number;
      more.messages += row?.[1] as number;
    }
    const [row] = await this.#database.rows('SELECT bytes, n_msgs FROM account WHERE id = ?', [to]);
    return withinQuota({ bytes: (row?.[0] ?? 0) as number, messages: (row?.[1] ?? 0) as number }, more, quota);
  }

  /** Removes what earlier slices of a COPY brought; clients that saw it see it go. */
  async takeBack(mailboxId: number, uids: readonly number[]): Promise<void> {
    for (const slice of slicesOf(uids, SLICE)) {
      await this.#locked<undefined>([mailboxId], async (scope, mailbox) => {
        const messages = await readCounted(scope, mailbox.id, slice);
        if (messages.length === 0) return new Abandon(undefined);
        await removeMessages(scope, mailbox, messages, 'undone');
        await scope.save();
        return undefined;
      });
    }
  }

  expunge(mailboxId: number, uids?: ArrayLike<number>, byUser?: string): Promise<ExpungeResult> {
    return this.#remove(mailboxId, { uids, deletedAlone: true, byUser });
  }

  remove(mailboxId: number, uids: ArrayLike<number>, byUser?: string): Promise<ExpungeResult> {
    return this.#remove(mailboxId, { uids, deletedAlone: false, byUser });
  }

  #remove(mailboxId: number, removal: Removal): Promise<ExpungeResult> {
    return removeInSlices((id, work) => this.#locked([id], work), this.#views, mailboxId, removal);
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
    return readKeys(this.#database, this.#contents, mailboxId, uids, want, this.#dates);
  }

  threadKeys(mailboxId: number, uids: ArrayLike<number>): Promise<ThreadKeys> {
    return readThreadKeys(this.#database, this.#contents, mailboxId, uids, this.#threads);
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

  /** The same for one mailbox, where bodies are written in the transaction before the locks; see {@link LockedAppend}. */
  async #lockedWithBodies<T>(
    mailboxId: number,
    bodies: readonly NewBody[],
    ask: (ownerId: number) => SqlQuery,
    work: (scope: WriteScope, mailbox: LockedMailbox, reads: AppendReads) => Promise<T | Abandon<T>>,
  ): Promise<T | { readonly kind: 'no-such-mailbox' } | typeof ACCOUNT_HELD> {
    const ownerId = await this.#ownerOf(mailboxId);
    if (ownerId === undefined) return { kind: 'no-such-mailbox' };
    return inTransaction<T | { readonly kind: 'no-such-mailbox' } | typeof ACCOUNT_HELD>(
      this.#database,
      async (transaction) => {
        const scope = new WriteScope(transaction, this.#notices);
        const written = bodies.length === 0 ? undefined : await writeBodyRows(transaction, bodies);
        let sets: Row[][];
        try {
          const then = written === undefined ? [ask(ownerId)] : [ask(ownerId), written];
          sets = await scope.lock([ownerId], [mailboxId], then, written === undefined ? 'wait' : 'no-wait');
        } catch (fault) {
          if (written === undefined || !isLockedByOthers(fault)) throw fault;
          return new Abandon(ACCOUNT_HELD);
        }
        const mailbox = scope.mailbox(mailboxId);
        if (mailbox === undefined) return new Abandon({ kind: 'no-such-mailbox' });
        return work(scope, mailbox, { threads: sets[0] ?? [], contents: sets[1] ?? [] });
      },
    );
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
      await scope.lock(owners as number[], mailboxIds);
      const first = scope.mailbox(mailboxIds[0]);
      const second = scope.mailbox(mailboxIds[1] ?? mailboxIds[0]);
      if (first === undefined || second === undefined) return new Abandon({ kind: 'no-such-mailbox' });
      return work(scope, first, second);
    });
  }
}
