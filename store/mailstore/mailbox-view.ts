import { type Database, integerList, type Row, type SqlConnection } from './database.ts';
import { SEEN } from './flags.ts';
import { KEYWORD_COLUMNS, type Keywords, MORE_BIT, readMoreKeywords } from './keywords.ts';
import type { AccountLeases } from './leases/account-leases.ts';
import { changedUids } from './message-changes.ts';
import { type ColumnRow, MessageColumns, type ViewRow } from './message-columns.ts';
import { loadPacked } from './packed-messages.ts';
import { type MailboxHead, SharedView } from './shared-view.ts';
import { uidRuns } from './uid-ranges.ts';

/** Messages whose further keywords one statement reads. */
const PAGE = 2000;
/** Most messages have no keyword, and NULL costs nothing on the way: with a million messages that is felt. */
const VIEW_COLUMNS = 'uid, flags, NULLIF(keywords & 4294967295, 0), NULLIF(keywords >> 32, 0), modseq';
/** The same as a user sees it who has a \Seen of one's own; without a row in seen_by a message is unseen. */
const OWN_SEEN_COLUMNS = `m.uid, (m.flags & ~${SEEN}) | IF(COALESCE(s.seen, 0) = 1, ${SEEN}, 0), ${KEYWORD_COLUMNS.replaceAll('keywords', 'm.keywords')},
  IF(s.modseq > m.modseq, s.modseq, m.modseq)`;

interface ViewOptions {
  /** Whose \Seen is shown, when not the owner's. */
  readonly seenOf?: number | undefined;
  readonly leases?: AccountLeases | undefined;
}

/** A mailbox, read from the rows of its messages. */
export class MailboxView extends SharedView {
  /** Account of a user who has a \Seen of one's own here. */
  readonly #seenOf: number | undefined;
  readonly #leases: AccountLeases | undefined;
  /** Under which the view was read last, if it then was in a lease. */
  #stamp: number | undefined;

  private constructor(
    mailboxId: number,
    database: Database,
    keywords: Keywords,
    head: MailboxHead,
    { seenOf, leases }: ViewOptions,
  ) {
    super(mailboxId, database, keywords, head);
    this.#seenOf = seenOf;
    this.#leases = leases;
  }

  /**
   * Loads the whole mailbox. Undefined when it is gone.
   *
   * @param known what the mailbox row says, where that was read already
   */
  static async load(
    mailboxId: number,
    database: Database,
    keywords: Keywords,
    known: ViewOptions & { readonly head?: MailboxHead | undefined; readonly messages?: number | undefined } = {},
  ): Promise<MailboxView | undefined> {
    const head = known.head ?? (await readHead(database, mailboxId));
    if (head === undefined) return undefined;
    const view = new MailboxView(mailboxId, database, keywords, head, known);
    const names = keywords.load(head.ownerId);
    const [columns] = await Promise.all([view.#loadFirst(head, known.messages ?? 0, names), names]);
    view.current = columns;
    view.head = view.withUidNext(head);
    // A keyword that was defined while the messages were read may be missing.
    await view.learnKeywords();
    return view;
  }

  protected override get isCurrent(): boolean {
    return this.#leases?.holds(this.head.ownerId, this.#stamp) === true;
  }

  protected async catchUp(): Promise<'current' | 'gone'> {
    const { ownerId } = this.head;
    const stamp = this.#leases?.stampOf(ownerId);
    const state = await this.#catchUp();
    if (stamp === undefined) this.#leases?.asked(ownerId);
    this.#stamp = state === 'current' ? stamp : undefined;
    return state;
  }

  async #catchUp(): Promise<'current' | 'gone'> {
    const head = await readHead(this.database, this.mailboxId);
    if (head === undefined) return 'gone';
    const known = this.head.highestModSeq;
    if (head.highestModSeq === known && head.uidNext === this.head.uidNext) return 'current';
    if (head.uidValidity !== this.head.uidValidity) return 'gone';
    // The head was read first: what is committed later has a higher number and is read again next time.
    const changed = head.vanishedFloor > known ? undefined : await this.#changedSince(known);
    if (changed === undefined) {
      // History was collected meanwhile: compare the whole.
      this.apply(await this.#loadColumns());
    } else {
      const gone = await this.database.rows('SELECT uid FROM expunged WHERE mailbox_id = ? AND modseq > ?', [
        this.mailboxId,
        known,
      ]);
      const goneUids = new Set(gone.map(([uid]) => uid as number));
      const rows = (changed as ViewRow[]).map(rowOf).filter((row) => !goneUids.has(row.uid));
      this.put(await this.#withMore(rows));
      this.expunge(goneUids);
    }
    await this.learnKeywords();
    this.head = this.withUidNext(head);
    return 'current';
  }

  /** Messages that changed or came since a mod-sequence; undefined when nobody knows any more which. */
  async #changedSince(known: number): Promise<Row[] | undefined> {
    const { ownerId, uidNext } = this.head;
    const changed = await changedUids(this.database, { id: this.mailboxId, ownerId }, known, uidNext);
    if (changed === undefined) return undefined;
    const ofMailbox = `mailbox_id = ${integerList([this.mailboxId])}`;
    const since = `modseq > ${integerList([known])}`;
    if (this.#seenOf === undefined) {
      return this.database.rowsOnce(
        `SELECT ${VIEW_COLUMNS} FROM message WHERE ${ofMailbox} AND ${since} AND ${changed} ORDER BY uid`,
      );
    }
    const seen = await this.database.rows(
      'SELECT uid FROM seen_by WHERE mailbox_id = ? AND user_id = ? AND modseq > ? ORDER BY uid',
      [this.mailboxId, this.#seenOf, known],
    );
    const condition = `((${since} AND ${changed}) OR ${uidRuns((seen as [number][]).map(([uid]) => uid))})`;
    return this.database.rowsOnce(
      `SELECT ${OWN_SEEN_COLUMNS} FROM message m
         LEFT JOIN seen_by s ON s.mailbox_id = m.mailbox_id AND s.user_id = ${integerList([this.#seenOf])} AND s.uid = m.uid
       WHERE m.${ofMailbox} AND ${condition.replaceAll('uid ', 'm.uid ').replace('modseq ', 'm.modseq ')} ORDER BY m.uid`,
    );
  }

  async #loadFirst(
    { uidNext, highestModSeq }: MailboxHead,
    messages: number,
    names: Promise<readonly string[]>,
  ): Promise<MessageColumns> {
    if (this.#seenOf !== undefined) return this.#loadColumns();
    const keywordsEnd = messages === 0 ? 0 : (await names).length;
    const mailbox = { id: this.mailboxId, messages, uidNext, highestModSeq, keywordsEnd };
    return (await loadPacked(this.database, mailbox)) ?? (await this.#loadColumns());
  }

  async #loadColumns(): Promise<MessageColumns> {
    const columns = new MessageColumns();
    const connection: SqlConnection = await this.database.connect();
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

  /** Rows with their keywords from number 64 on. */
  async #withMore(rows: readonly ColumnRow[]): Promise<readonly ColumnRow[]> {
    const marked = rows.filter((row) => (row.keywordsHigh & MORE_BIT) !== 0).map((row) => row.uid);
    if (marked.length === 0) return rows;
    const more = new Map<number, number[]>();
    for (let i = 0; i < marked.length; i += PAGE) {
      const page = await readMoreKeywords(this.database, this.mailboxId, uidRuns(marked.slice(i, i + PAGE)));
      for (const [uid, numbers] of page) more.set(uid, numbers);
    }
    return rows.map((row) => ({ ...row, more: more.get(row.uid) }));
  }
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
