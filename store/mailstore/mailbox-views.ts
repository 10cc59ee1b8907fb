import type { ChangeNotices } from './changes.ts';
import type { Database } from './database.ts';
import type { Keywords } from './keywords.ts';
import { MailboxSession, type RecentRange } from './mailbox-session.ts';
import { MailboxView } from './mailbox-view.ts';
import type { OpenOptions } from './mailstore.ts';
import type { SelectedMailbox } from './selected-mailbox.ts';
import { headOf, type SharedView } from './shared-view.ts';
import { inTransaction } from './transaction.ts';
import { WriteScope } from './write-scope.ts';

/** Memory for views that no session has open now, kept for the next SELECT. */
const MAX_UNUSED_BYTES = 64 * 1024 * 1024;
const MAX_UNUSED_VIEWS = 2000;

interface Entry {
  readonly view: Promise<SharedView | undefined>;
  sessions: number;
  bytes: number;
}

/** The views of a process: one a mailbox, however many sessions look at it. */
export class MailboxViews {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #keywords: Keywords;
  /** In order of last use: the first unused one goes first. */
  readonly #entries = new Map<string, Entry>();

  constructor(database: Database, notices: ChangeNotices, keywords: Keywords) {
    this.#database = database;
    this.#notices = notices;
    this.#keywords = keywords;
  }

  async open(mailboxId: number, options: OpenOptions): Promise<SelectedMailbox | undefined> {
    // Who has a \Seen of one's own has a view of one's own.
    const key = `${mailboxId}/${options.seenOf ?? ''}`;
    let entry = this.#entries.get(key);
    const fresh = entry === undefined;
    if (entry === undefined) {
      const head = options.found && headOf(options.found);
      const { seenOf } = options;
      entry = {
        view: MailboxView.load(mailboxId, this.#database, this.#keywords, { head, seenOf }),
        sessions: 0,
        bytes: 0,
      };
      this.#entries.set(key, entry);
    }
    const opened = entry;
    opened.sessions++;
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

  #forget(key: string, entry: Entry): void {
    entry.sessions--;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  #closed(key: string, entry: Entry, view: SharedView): void {
    entry.sessions--;
    if (entry.sessions > 0 || this.#entries.get(key) !== entry) return;
    entry.bytes = view.current.bytes;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    let bytes = 0;
    let views = 0;
    for (const { sessions, bytes: size } of this.#entries.values()) {
      if (sessions > 0) continue;
      bytes += size;
      views++;
    }
    for (const [id, { sessions, bytes: size }] of this.#entries) {
      if (bytes <= MAX_UNUSED_BYTES && views <= MAX_UNUSED_VIEWS) return;
      if (sessions > 0) continue;
      this.#entries.delete(id);
      bytes -= size;
      views--;
    }
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
