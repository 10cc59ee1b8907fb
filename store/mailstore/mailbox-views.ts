import { accountOfAllMail, allMailId } from './all-mail-id.ts';
import { AllMailView } from './all-mail-view.ts';
import type { ChangeNotices } from './changes.ts';
import type { Database } from './database.ts';
import type { EmailNumbers } from './email-numbers.ts';
import type { Keywords } from './keywords.ts';
import type { AccountLeases } from './leases/account-leases.ts';
import { MailboxSession, type RecentRange } from './mailbox-session.ts';
import { MailboxView } from './mailbox-view.ts';
import type { OpenOptions } from './mailstore.ts';
import type { SelectedMailbox } from './selected-mailbox.ts';
import { headOf, type MailboxHead, type SharedView } from './shared-view.ts';
import { inTransaction } from './transaction.ts';
import { WriteScope } from './write-scope.ts';

/** Memory for views that no session has open now, kept for the next SELECT. */
const MAX_UNUSED_BYTES = 64 * 1024 * 1024;
const MAX_UNUSED_VIEWS = 2000;

interface Entry {
  readonly view: Promise<SharedView | undefined>;
  /** The same once it is there. */
  loaded?: SharedView | undefined;
  sessions: number;
  /** What it holds while nobody looks at it; undefined while somebody does. */
  unusedBytes: number | undefined;
}

/** The views of a process: one a mailbox, however many sessions look at it. */
export class MailboxViews {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #keywords: Keywords;
  readonly #leases: AccountLeases | undefined;
  /** In order of last use: the first unused one goes first. */
  readonly #entries = new Map<string, Entry>();
  #unusedBytes = 0;
  #unusedViews = 0;

  constructor(database: Database, notices: ChangeNotices, keywords: Keywords, leases?: AccountLeases) {
    this.#database = database;
    this.#notices = notices;
    this.#keywords = keywords;
    this.#leases = leases;
  }

  async open(mailboxId: number, options: OpenOptions): Promise<SelectedMailbox | undefined> {
    // Who has a \Seen of one's own has a view of one's own.
    const key = `${mailboxId}/${options.seenOf ?? ''}`;
    const fresh = !this.#entries.has(key);
    const opened = this.#entry(key, () => {
      if (accountOfAllMail(mailboxId) !== undefined) return this.#loadAllMail(mailboxId);
      const { found, seenOf } = options;
      const messages = found?.counters.messages;
      const known = { head: found && headOf(found), messages, seenOf, leases: this.#leases };
      return MailboxView.load(mailboxId, this.#database, this.#keywords, known);
    });
    this.#enter(opened);
    try {
      const view = await opened.view;
      if (view === undefined) {
        this.#forget(key, opened);
        return undefined;
      }
      if (!fresh && (await inStep(view, options)) === 'gone') {
        // Deleted; or deleted and restored, with another UIDVALIDITY: then it is there when it is read anew.
        this.#forget(key, opened);
        const { found: _outdated, ...again } = options;
        return await this.open(mailboxId, again);
      }
      const session = new MailboxSession(view, this.#keywords, options.claimRecent, {
        foreign: options.seenOf !== undefined,
        claimRecent: (id) => this.#claimRecent(id),
        closed: () => this.#closed(key, opened, view),
      });
      // Nothing is \Recent, as the row said that was read a moment ago: nothing to ask.
      const noneRecent = options.found !== undefined && options.found.firstRecentUid >= view.head.uidNext;
      if (!noneRecent) await session.claimRecent();
      if (options.showRecent === true) session.showRecentFrom(await this.#firstRecentUid(mailboxId));
      return session;
    } catch (fault) {
      this.#forget(key, opened);
      throw fault;
    }
  }

  /** All mail of an account as it is now, loaded if need be; undefined when there is no such account. */
  async allMail(accountId: number): Promise<AllMailView | undefined> {
    const mailboxId = allMailId(accountId);
    const key = `${mailboxId}/`;
    const entry = this.#entry(key, () => this.#loadAllMail(mailboxId));
    this.#enter(entry);
    try {
      const view = await entry.view;
      if (view === undefined || (await view.refresh()) === 'gone') {
        this.#forget(key, entry);
        return view === undefined ? undefined : await this.allMail(accountId);
      }
      this.#closed(key, entry, view);
      return view instanceof AllMailView ? view : undefined;
    } catch (fault) {
      this.#forget(key, entry);
      throw fault;
    }
  }

  #loadAllMail(mailboxId: number): Promise<AllMailView | undefined> {
    return AllMailView.load(mailboxId, this.#database, this.#keywords);
  }

  #entry(key: string, load: () => Promise<SharedView | undefined>): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry: Entry = { view: load(), sessions: 0, unusedBytes: undefined };
    this.#entries.set(key, entry);
    entry.view.then(
      (view) => {
        entry.loaded = view;
      },
      () => undefined,
    );
    return entry;
  }

  /** A mailbox as its owner sees it, if it is in memory and nothing has changed in it since the state given. */
  at(mailboxId: number, state: Pick<MailboxHead, 'uidValidity' | 'uidNext' | 'highestModSeq'>): SharedView | undefined {
    const view = this.#entries.get(`${mailboxId}/`)?.loaded;
    return view?.isAt(state) === true ? view : undefined;
  }

  /** What is known of the emails of a mailbox that is in memory. */
  emailNumbers(mailboxId: number): EmailNumbers | undefined {
    return this.#entries.get(`${mailboxId}/`)?.loaded?.emailNumbers;
  }

  #enter(entry: Entry): void {
    entry.sessions++;
    this.#noLongerUnused(entry);
  }

  #forget(key: string, entry: Entry): void {
    entry.sessions--;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  #closed(key: string, entry: Entry, view: SharedView): void {
    entry.sessions--;
    if (entry.sessions > 0 || this.#entries.get(key) !== entry) return;
    entry.unusedBytes = view.bytes;
    this.#unusedBytes += view.bytes;
    this.#unusedViews++;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const [id, oldest] of this.#entries) {
      if (this.#unusedBytes <= MAX_UNUSED_BYTES && this.#unusedViews <= MAX_UNUSED_VIEWS) return;
      if (oldest.unusedBytes === undefined) continue;
      this.#entries.delete(id);
      this.#noLongerUnused(oldest);
    }
  }

  #noLongerUnused(entry: Entry): void {
    if (entry.unusedBytes === undefined) return;
    this.#unusedBytes -= entry.unusedBytes;
    this.#unusedViews--;
    entry.unusedBytes = undefined;
  }

  async #firstRecentUid(mailboxId: number): Promise<number> {
    const [row] = await this.#database.rows('SELECT first_recent_uid FROM mailbox WHERE id = ?', [mailboxId]);
    return (row?.[0] ?? Number.POSITIVE_INFINITY) as number;
  }

  /** RFC 3501 §2.3.2: each message is \Recent to one session. Nothing is written when there is none. */
  async #claimRecent(mailboxId: number): Promise<RecentRange> {
    const [row] = await this.#database.rows(
      'SELECT owner_id, first_recent_uid, uidnext FROM mailbox WHERE id = ? AND first_recent_uid < uidnext',
      [mailboxId],
    );
    if (row === undefined) return { from: 0, to: 0 };
    return inTransaction<RecentRange>(this.#database, async (transaction) => {
      await new WriteScope(transaction, this.#notices).lockAccounts([row[0] as number]);
      const [now] = await transaction.rows('SELECT first_recent_uid, uidnext FROM mailbox WHERE id = ? FOR UPDATE', [
        mailboxId,
      ]);
      if (now === undefined) return { from: 0, to: 0 };
      await transaction.change('UPDATE mailbox SET first_recent_uid = uidnext WHERE id = ?', [mailboxId]);
      return { from: now[0] as number, to: now[1] as number };
    });
  }
}

/** Catches up, unless the mailbox is known to be as the view has it. */
function inStep(view: SharedView, { found }: OpenOptions): Promise<'current' | 'gone'> | 'current' {
  return found !== undefined && view.isAt(headOf(found)) ? 'current' : view.refresh();
}
