import type { Log } from '@postern/shared/runtime/log.ts';
import { accountOfAllMail } from './all-mail-id.ts';
import type { Database } from './database.ts';
import type { Changes } from './mailstore.ts';

/** A committed change. `mailboxId` 0 is the account: its list of mailboxes, its subscriptions, its settings. */
export interface ChangeNotice {
  readonly accountId: number;
  readonly mailboxId: number;
  readonly modSeq: number;
}

/** Where transactions announce what they committed. */
export interface ChangeNotices {
  announce(change: ChangeNotice): void;
}

/**
 * How far back a reading of the feed looks. A transaction writes its row of the feed just before COMMIT; one that is
 * slower than this is found by the re-check of idle sessions.
 */
const WINDOW_SECONDS = 10;

/**
 * Wakes sessions: at once for changes of this process, within a reading of the feed for those of others. One reader a
 * process, and only while somebody watches; a row may be read several times and wakes once.
 */
export class ChangeWatch implements Changes, ChangeNotices {
  readonly #database: Database;
  readonly #log: Log;
  readonly #intervalMs: number;
  readonly #byMailbox = new Map<number, Set<() => void>>();
  readonly #byAccount = new Map<number, Set<(mailboxId: number) => void>>();
  /** Newest mod-sequence announced, by account and mailbox. */
  #announced = new Map<string, number>();
  #announcedBefore = new Map<string, number>();
  #rotateAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;
  #failed = false;
  #closed = false;

  constructor(database: Database, log: Log, intervalMs: number) {
    this.#database = database;
    this.#log = log;
    this.#intervalMs = intervalMs;
  }

  watch(mailboxId: number, listener: () => void): () => void {
    const accountId = accountOfAllMail(mailboxId);
    return accountId === undefined
      ? this.#listen(this.#byMailbox, mailboxId, listener)
      : this.watchAccount(accountId, listener);
  }

  watchAccount(accountId: number, listener: (mailboxId: number) => void): () => void {
    return this.#listen(this.#byAccount, accountId, listener);
  }

  announce(change: ChangeNotice): void {
    const key = `${change.accountId}/${change.mailboxId}`;
    const known = this.#announced.get(key) ?? this.#announcedBefore.get(key) ?? 0;
    if (change.modSeq <= known) return;
    this.#announced.set(key, change.modSeq);
    for (const listener of [...(this.#byMailbox.get(change.mailboxId) ?? [])]) this.#call(listener);
    for (const listener of [...(this.#byAccount.get(change.accountId) ?? [])]) {
      this.#call(() => listener(change.mailboxId));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#reading;
  }

  #listen<L>(listeners: Map<number, Set<L>>, id: number, listener: L): () => void {
    const set = listeners.get(id) ?? new Set<L>();
    set.add(listener);
    listeners.set(id, set);
    this.#schedule();
    return () => {
      set.delete(listener);
      if (set.size === 0 && listeners.get(id) === set) listeners.delete(id);
    };
  }

  /** A watcher's defect must not fail the transaction that is announced. */
  #call(listener: () => void): void {
    try {
      listener();
    } catch (fault) {
      this.#log.error({ err: fault }, 'a watcher of changes failed');
    }
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined) return;
    if (this.#byMailbox.size === 0 && this.#byAccount.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#reading = this.#read().finally(() => {
        this.#timer = undefined;
        this.#schedule();
      });
    }, this.#intervalMs);
    this.#timer.unref();
  }

  async #read(): Promise<void> {
    this.#forgetOld();
    try {
      const rows = await this.#database.rows(
        'SELECT account_id, mailbox_id, modseq FROM change_feed WHERE bucket >= UNIX_TIMESTAMP() - ?',
        [WINDOW_SECONDS],
      );
      for (const [accountId, mailboxId, modSeq] of rows as [number, number, number][]) {
        this.announce({ accountId, mailboxId, modSeq });
      }
      this.#failed = false;
    } catch (fault) {
      if (!this.#failed) this.#log.warn({ err: fault }, 'the change feed cannot be read');
      this.#failed = true;
    }
  }

  /** What was announced is remembered for one to two windows, then the feed no longer shows it either. */
  #forgetOld(): void {
    const now = Date.now();
    if (now < this.#rotateAt) return;
    this.#rotateAt = now + 2 * WINDOW_SECONDS * 1000;
    this.#announcedBefore = this.#announced;
    this.#announced = new Map();
  }
}
