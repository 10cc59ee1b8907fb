import type { Database, Row, SqlConnection } from './database.ts';
import { SEEN } from './flags.ts';
import { KEYWORD_COLUMNS, type Keywords, MORE_BIT, readMoreKeywords } from './keywords.ts';
import type { FoundMailbox } from './mailstore.ts';
import { type ColumnRow, MessageColumns, type ViewRow } from './message-columns.ts';
import { uidRuns } from './uid-ranges.ts';

/** Messages whose further keywords one statement reads. */
const PAGE = 2000;
/** Most messages have no keyword, and NULL costs nothing on the way: with a million messages that is felt. */
const VIEW_COLUMNS = 'uid, flags, NULLIF(keywords & 4294967295, 0), NULLIF(keywords >> 32, 0), modseq';
/** The same as a user sees it who has a \Seen of one's own; without a row in seen_by a message is unseen. */
const OWN_SEEN_COLUMNS = `m.uid, (m.flags & ~${SEEN}) | IF(COALESCE(s.seen, 0) = 1, ${SEEN}, 0), ${KEYWORD_COLUMNS.replaceAll('keywords', 'm.keywords')},
  IF(s.modseq > m.modseq, s.modseq, m.modseq)`;

/** What the mailbox row says. */
export interface MailboxHead {
  readonly ownerId: number;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModSeq: number;
  readonly vanishedFloor: number;
}

/**
 * One mailbox in memory, shared by all sessions of the process and kept in step by mod-sequence. Expunges retire the
 * columns; sessions that still count in retired ones keep them, and these get flags and new messages as well.
 */
export class SharedView {
  readonly mailboxId: number;
  readonly #database: Database;
  readonly #keywords: Keywords;
  /** Account of a user who has a \Seen of one's own here. */
  readonly #seenOf: number | undefined;
  head: MailboxHead;
  current: MessageColumns;
  /** Retired columns by the number of sessions that count in them. */
  readonly #retired = new Map<MessageColumns, number>();
  /** Keywords known when the view was read last, for "send FLAGS again". */
  keywordCount = 0;
  #refreshing: Promise<'current' | 'gone'> | undefined;
  #again: Promise<'current' | 'gone'> | undefined;

  private constructor(
    mailboxId: number,
    database: Database,
    keywords: Keywords,
    head: MailboxHead,
    seenOf: number | undefined,
  ) {
    this.mailboxId = mailboxId;
    this.#database = database;
    this.#keywords = keywords;
    this.head = head;
    this.#seenOf = seenOf;
    this.current = new MessageColumns();
  }

  /**
   * Loads the whole mailbox. Undefined when it is gone.
   *
   * @param known what the mailbox row says, where that was read already; and whose \Seen is shown, when not the owner's
   */
  static async load(
    mailboxId: number,
    database: Database,
    keywords: Keywords,
    known: { readonly head?: MailboxHead | undefined; readonly seenOf?: number | undefined } = {},
  ): Promise<SharedView | undefined> {
    const head = known.head ?? (await readHead(database, mailboxId));
    if (head === undefined) return undefined;
    const view = new SharedView(mailboxId, database, keywords, head, known.seenOf);
    const [columns] = await Promise.all([view.#loadColumns(), keywords.load(head.ownerId)]);
    view.current = columns;
    view.head = view.#withUidNext(head);
    // A keyword that was defined while the messages were read may be missing.
    await view.#learnKeywords();
    return view;
  }

  /** Whether this is what the view has read, so that there is nothing to catch up with. */
  isAt(head: MailboxHead): boolean {
    const { uidValidity, uidNext, highestModSeq } = this.head;
    return head.uidValidity === uidValidity && head.uidNext === uidNext && head.highestModSeq === highestModSeq;
  }

  /**
   * Catches up. One reading serves all who ask before it starts; who asks while it is under way waits for the next, since
   * what was committed a moment ago may have missed it.
   */
  refresh(): Promise<'current' | 'gone'> {
    if (this.#refreshing === undefined) {
      this.#refreshing = this.#refresh().finally(() => {
        this.#refreshing = undefined;
      });
      return this.#refreshing;
    }
    this.#again ??= this.#refreshing
      .catch(() => 'current' as const)
      .then(() => {
        this.#again = undefined;
        return this.refresh();
      });
    return this.#again;
  }

  /** A session counts in these columns from now on; `leave` ends that. */
  enter(columns: MessageColumns): void {
    if (columns !== this.current) this.#retired.set(columns, (this.#retired.get(columns) ?? 0) + 1);
    else this.#entered++;
  }

  leave(columns: MessageColumns): void {
    if (columns === this.current) {
      this.#entered--;
      return;
    }
    const others = (this.#retired.get(columns) ?? 1) - 1;
    if (others > 0) this.#retired.set(columns, others);
    else this.#retired.delete(columns);
  }

  /** Sessions that count in the current columns. */
  #entered = 0;

  async #refresh(): Promise<'current' | 'gone'> {
    const head = await readHead(this.#database, this.mailboxId);
    if (head === undefined) return 'gone';
    const known = this.head.highestModSeq;
    if (head.highestModSeq === known && head.uidNext === this.head.uidNext) return 'current';
    if (head.uidValidity !== this.head.uidValidity) return 'gone';
    if (head.vanishedFloor > known) {
      // History of expunges was collected meanwhile: compare the whole.
      const loaded = await this.#loadColumns();
      this.#apply(loaded);
    } else {
      // The head was read first: what is committed later has a higher number and is read again next time.
      const changed = await this.#changedSince(known);
      const gone = await this.#database.rows('SELECT uid FROM expunged WHERE mailbox_id = ? AND modseq > ?', [
        this.mailboxId,
        known,
      ]);
      const goneUids = new Set(gone.map(([uid]) => uid as number));
      const rows = (changed as ViewRow[]).map(rowOf).filter((row) => !goneUids.has(row.uid));
      this.#put(await this.#withMore(rows));
      this.#expunge(goneUids);
    }
    await this.#learnKeywords();
    this.head = this.#withUidNext(head);
    return 'current';
  }

  async #changedSince(known: number): Promise<Row[]> {
    const seenOf = this.#seenOf;
    if (seenOf === undefined) {
      return this.#database.rows(
        `SELECT ${VIEW_COLUMNS} FROM message FORCE INDEX (message_modseq)
         WHERE mailbox_id = ? AND modseq > ? ORDER BY uid`,
        [this.mailboxId, known],
      );
    }
    return this.#database.rows(
      `SELECT ${OWN_SEEN_COLUMNS} FROM message m
         LEFT JOIN seen_by s ON s.mailbox_id = m.mailbox_id AND s.user_id = ? AND s.uid = m.uid
       WHERE m.mailbox_id = ? AND m.uid IN (
         SELECT uid FROM (
           SELECT uid FROM message FORCE INDEX (message_modseq) WHERE mailbox_id = ? AND modseq > ?
           UNION SELECT uid FROM seen_by WHERE mailbox_id = ? AND user_id = ? AND modseq > ?) AS changed)
       ORDER BY m.uid`,
      [seenOf, this.mailboxId, this.mailboxId, known, this.mailboxId, seenOf, known],
    );
  }

  #put(rows: readonly ColumnRow[]): void {
    for (const row of rows) this.current.put(row);
    for (const columns of this.#retired.keys()) for (const row of rows) columns.put(row);
  }

  #expunge(uids: ReadonlySet<number>): void {
    let found = false;
    for (const uid of uids) found ||= this.current.indexOf(uid) >= 0;
    if (!found) return;
    this.#retire(this.current.without(uids));
  }

  /** Replaces the columns by newly read ones; sessions see what is missing as expunged. */
  #apply(loaded: MessageColumns): void {
    for (const columns of this.#retired.keys()) {
      for (let i = 0; i < loaded.count; i++) columns.put(loaded.rowAt(i));
    }
    for (let i = 0; i < loaded.count; i++) this.current.put(loaded.rowAt(i));
    this.#retire(loaded);
  }

  #retire(next: MessageColumns): void {
    if (this.#entered > 0) this.#retired.set(this.current, this.#entered);
    this.#entered = 0;
    this.current = next;
  }

  async #loadColumns(): Promise<MessageColumns> {
    const columns = new MessageColumns();
    const connection: SqlConnection = await this.#database.connect();
    let whole = false;
    try {
      const [sql, values] =
        this.#seenOf === undefined
          ? [`SELECT ${VIEW_COLUMNS} FROM message WHERE mailbox_id = ? ORDER BY uid`, [this.mailboxId]]
          : [
              `SELECT ${OWN_SEEN_COLUMNS} FROM message m
                 LEFT JOIN seen_by s ON s.mailbox_id = m.mailbox_id AND s.user_id = ? AND s.uid = m.uid
               WHERE m.mailbox_id = ? ORDER BY m.uid`,
              [this.#seenOf, this.mailboxId],
            ];
      await connection.each(sql, values, (row) => columns.append(row as ViewRow));
      whole = true;
    } finally {
      if (whole) connection.release();
      else connection.destroy();
    }
    const marked: ColumnRow[] = [];
    for (let i = 0; i < columns.count; i++) {
      if (((columns.keywordsHigh?.[i] ?? 0) & MORE_BIT) !== 0) marked.push(columns.rowAt(i));
    }
    for (const row of await this.#withMore(marked)) columns.put(row);
    return columns;
  }

  /** UIDNEXT lies above every UID, also above those of messages that came after the head was read. */
  #withUidNext(head: MailboxHead): MailboxHead {
    const { uids, count } = this.current;
    const last = count === 0 ? 0 : (uids[count - 1] as number);
    return last < head.uidNext ? head : { ...head, uidNext: last + 1 };
  }

  /** Rows with their keywords from number 64 on. */
  async #withMore(rows: readonly ColumnRow[]): Promise<readonly ColumnRow[]> {
    const marked = rows.filter((row) => (row.keywordsHigh & MORE_BIT) !== 0).map((row) => row.uid);
    if (marked.length === 0) return rows;
    const more = new Map<number, number[]>();
    for (let i = 0; i < marked.length; i += PAGE) {
      const page = await readMoreKeywords(this.#database, this.mailboxId, uidRuns(marked.slice(i, i + PAGE)));
      for (const [uid, numbers] of page) more.set(uid, numbers);
    }
    return rows.map((row) => ({ ...row, more: more.get(row.uid) }));
  }

  async #learnKeywords(): Promise<void> {
    const { keywordsLow, keywordsHigh, count } = this.current;
    this.keywordCount = this.#keywords.known(this.head.ownerId).length;
    if (keywordsLow === undefined || keywordsHigh === undefined) return;
    let low = 0;
    let high = 0;
    for (let i = 0; i < count; i++) {
      low |= keywordsLow[i] as number;
      high |= keywordsHigh[i] as number;
    }
    high &= ~MORE_BIT;
    let highest = high !== 0 ? 63 - Math.clz32(high) : low !== 0 ? 31 - Math.clz32(low) : -1;
    for (const numbers of this.current.more.values()) highest = Math.max(highest, numbers.at(-1) ?? -1);
    await this.#keywords.ensureKnown(this.head.ownerId, highest);
    this.keywordCount = this.#keywords.known(this.head.ownerId).length;
  }
}

export function headOf({ accountId, counters, vanishedFloor }: FoundMailbox): MailboxHead {
  const { uidValidity, uidNext, highestModSeq } = counters;
  return { ownerId: accountId, uidValidity, uidNext, highestModSeq, vanishedFloor };
}

async function readHead(database: Database, mailboxId: number): Promise<MailboxHead | undefined> {
  const [row] = await database.rows(
    `SELECT owner_id, uidvalidity, uidnext, highestmodseq, vanished_floor FROM mailbox
     WHERE id = ? AND name_hash IS NOT NULL`,
    [mailboxId],
  );
  if (row === undefined) return undefined;
  const [ownerId, uidValidity, uidNext, highestModSeq, vanishedFloor] = row as [number, number, number, number, number];
  return { ownerId, uidValidity, uidNext, highestModSeq, vanishedFloor };
}

function rowOf([uid, flags, low, high, modSeq]: ViewRow): ColumnRow {
  return { uid, flags, keywordsLow: low ?? 0, keywordsHigh: high ?? 0, modSeq };
}
