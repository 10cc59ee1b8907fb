import { accountOfAllMail } from './all-mail-id.ts';
import { type Database, integerList, type Row, type SqlConnection } from './database.ts';
import { DELETED } from './flags.ts';
import { KEYWORD_COLUMNS, type Keywords, MORE_BIT, readMoreKeywords } from './keywords.ts';
import type { ExpungedSince } from './mailstore.ts';
import { changedUidsOfAll } from './message-changes.ts';
import { type ColumnRow, MessageColumns } from './message-columns.ts';
import { type MailboxHead, SharedView } from './shared-view.ts';
import { uidRuns } from './uid-ranges.ts';

/** Above so many changed emails the whole is read anew: that is quicker than looking for the copies of each. */
const MOST_CHANGED = 2000;
const KEYWORD_PAGE = 2000;
/** Mailbox and UID of a copy in one number: the mailbox's index times this, and the UID. */
const UIDS = 2 ** 32;
/** What an entry of a Map of numbers takes. */
const COPY_BYTES = 40;

const COPY_COLUMNS = `e.email_no, m.mailbox_id, m.uid, m.flags, ${KEYWORD_COLUMNS.replaceAll('keywords', 'm.keywords')},
  GREATEST(m.modseq, e.modseq)`;
type CopyRow = [
  emailNo: number,
  mailboxId: number,
  uid: number,
  flags: number,
  low: number,
  high: number,
  modSeq: number,
];

/** A copy of an email: the message that stands for it. */
export interface CopyAt {
  readonly mailboxId: number;
  readonly uid: number;
}

/** Copies in one mailbox, in order of their UIDs, and the email of each. */
export interface Copies {
  readonly mailboxId: number;
  readonly uids: readonly number[];
  readonly emailNos: readonly number[];
}

interface ChangedMailbox {
  readonly id: number;
  readonly isDeleted: boolean;
}

/** Emails as they are put together from their copies, which come one after the other. */
interface Gathered {
  emailNo: number;
  flags: number;
  low: number;
  high: number;
  modSeq: number;
  readonly at: CopyAt;
  /** Copies with keywords from number 64 on. */
  readonly marked: CopyAt[];
}

/** For IN; 0 is no mailbox, and a list must not be empty. */
const idsOf = (mailboxes: readonly ChangedMailbox[]): string => integerList([0, ...mailboxes.map(({ id }) => id)]);

/** Ids in a list make a range of the key; joined to its mailbox, all that was ever expunged there would be read. */
const expungedIn = (mailboxes: readonly ChangedMailbox[], known: number): string =>
  `SELECT email_no FROM expunged WHERE mailbox_id IN (${idsOf(mailboxes)}) AND modseq > ${integerList([known])}`;

/**
 * All mail of an account as a mailbox: a message for each email, its UID the email's number, which only grows. A flag is set
 * where any copy has it, \Deleted where all have. The mod-sequence is the highest of the copies', or of the loss of one.
 */
export class AllMailView extends SharedView {
  readonly #accountId: number;
  /** Where a copy of each email lies. */
  #copies = new Map<number, number>();
  readonly #mailboxIds: number[] = [];
  readonly #indexOf = new Map<number, number>();

  private constructor(mailboxId: number, accountId: number, database: Database, keywords: Keywords, head: MailboxHead) {
    super(mailboxId, database, keywords, head);
    this.#accountId = accountId;
  }

  /** Loads everything. Undefined when there is no such account. */
  static async load(mailboxId: number, database: Database, keywords: Keywords): Promise<AllMailView | undefined> {
    const accountId = accountOfAllMail(mailboxId) ?? 0;
    const head = await readHead(database, accountId);
    if (head === undefined) return undefined;
    const view = new AllMailView(mailboxId, accountId, database, keywords, head);
    const [columns] = await Promise.all([view.#loadColumns(), keywords.load(accountId)]);
    view.current = columns;
    view.head = view.withUidNext(head);
    await view.learnKeywords();
    return view;
  }

  /** Where a copy of an email lay when the view was read last; undefined when there was none. */
  copyOf(emailNo: number): CopyAt | undefined {
    const packed = this.#copies.get(emailNo);
    if (packed === undefined) return undefined;
    return { mailboxId: this.#mailboxIds[Math.floor(packed / UIDS)] as number, uid: packed % UIDS };
  }

  /** All copies of these emails as they are now, by mailbox. */
  async copiesOfAll(emailNos: readonly number[]): Promise<Copies[]> {
    const found: (CopyAt & { readonly emailNo: number })[] = [];
    for (let i = 0; i < emailNos.length; i += MOST_CHANGED) {
      const rows = await this.#readCopies(emailNos.slice(i, i + MOST_CHANGED));
      found.push(...rows.map(([emailNo, mailboxId, uid]) => ({ emailNo, mailboxId, uid })));
    }
    return copiesByMailbox(found);
  }

  override get bytes(): number {
    return super.bytes + this.#copies.size * COPY_BYTES;
  }

  protected async catchUp(): Promise<'current' | 'gone'> {
    const head = await readHead(this.database, this.#accountId);
    if (head === undefined || head.uidValidity !== this.head.uidValidity) return 'gone';
    const known = this.head.highestModSeq;
    if (head.highestModSeq === known) return 'current';
    // The head was read first: what is committed later has a higher number and is read again next time.
    const changed = head.vanishedFloor > known ? undefined : await this.#changedSince(known, head.highestModSeq);
    if (changed === undefined) this.apply(await this.#loadColumns());
    else if (changed.length > 0) await this.#readAgain(changed);
    await this.learnKeywords();
    this.head = this.withUidNext(head);
    return 'current';
  }

  /**
   * Emails that are gone since a mod-sequence (RFC 7162 §3.2.5): those that lost a copy, or their mailbox, and are not here. The
   * view must have been refreshed since that was asked.
   */
  async expungedSince(modSeq: number): Promise<ExpungedSince> {
    const places = await this.#mailboxesChangedSince(modSeq);
    const deleted = places.filter(({ isDeleted }) => isDeleted);
    const rows = await this.database.rowsOnce(
      `${expungedIn(places, modSeq)}
       UNION
       SELECT email_no FROM message WHERE mailbox_id IN (${idsOf(deleted)})`,
    );
    // Read after the rows: what was forgotten in between makes the answer "forgotten", never a list with holes.
    const head = await readHead(this.database, this.#accountId);
    if (head === undefined || modSeq < head.vanishedFloor) return { kind: 'forgotten' };
    const uids = (rows as [number][]).map(([emailNo]) => emailNo).filter((no) => this.current.indexOf(no) < 0);
    return { kind: 'known', uids: uids.sort((a, b) => a - b) };
  }

  /** Numbers of the emails of which a copy changed, came or went; undefined when a mailbox went, or too much happened. */
  async #changedSince(known: number, modSeq: number): Promise<number[] | undefined> {
    const mailboxes = await this.#mailboxesChangedSince(known);
    if (mailboxes.some(({ isDeleted }) => isDeleted)) return undefined;
    const places = await changedUidsOfAll(this.database, { ids: idsOf(mailboxes), modSeq }, known, MOST_CHANGED);
    if (places === undefined) return undefined;
    const changed = places.map(
      ({ mailboxId, condition }) =>
        `SELECT email_no FROM message WHERE mailbox_id = ${integerList([mailboxId])} AND ${condition}
         UNION `,
    );
    const rows = await this.database.rowsOnce(
      `${changed.join('')} SELECT email_no FROM email WHERE account_id = ? AND email_no >= ?
       UNION
       ${expungedIn(mailboxes, known)} LIMIT ${MOST_CHANGED + 1}`,
      [this.#accountId, this.head.uidNext],
    );
    return rows.length > MOST_CHANGED ? undefined : rows.map(([emailNo]) => emailNo as number);
  }

  async #mailboxesChangedSince(known: number): Promise<ChangedMailbox[]> {
    const rows = await this.database.rows(
      'SELECT id, deleted_at IS NOT NULL FROM mailbox WHERE owner_id = ? AND highestmodseq > ?',
      [this.#accountId, known],
    );
    return (rows as [number, number][]).map(([id, isDeleted]) => ({ id, isDeleted: isDeleted === 1 }));
  }

  async #readAgain(emailNos: readonly number[]): Promise<void> {
    const gathering = new Gathering();
    const found: Gathered[] = [];
    for (const row of await this.#readCopies(emailNos)) gathering.add(row, (email) => found.push(email));
    gathering.end((email) => found.push(email));
    const complete = await this.#withMore(found);
    const gone = new Set(emailNos);
    for (const email of found) {
      gone.delete(email.emailNo);
      this.#copies.set(email.emailNo, this.#packed(email.at));
    }
    if (!this.put(complete)) {
      this.apply(await this.#loadColumns());
      return;
    }
    for (const emailNo of gone) this.#copies.delete(emailNo);
    this.expunge(gone);
  }

  async #readCopies(emailNos: readonly number[]): Promise<CopyRow[]> {
    const rows = await this.database.rowsOnce(
      `SELECT STRAIGHT_JOIN ${COPY_COLUMNS}
       FROM email e JOIN mailbox b ON b.owner_id = e.account_id AND b.name_hash IS NOT NULL
         JOIN message m FORCE INDEX (message_email) ON m.email_no = e.email_no AND m.mailbox_id = b.id
       WHERE e.account_id = ${this.#accountId} AND e.email_no IN (${integerList(emailNos)})
       ORDER BY e.email_no, m.mailbox_id, m.uid`,
    );
    return rows as CopyRow[];
  }

  /** One statement, so one snapshot: an email that is moved meanwhile is found here or there. */
  async #loadColumns(): Promise<MessageColumns> {
    const columns = new MessageColumns();
    const gathering = new Gathering();
    const marked: Gathered[] = [];
    const copies = new Map<number, number>();
    const take = (email: Gathered): void => {
      columns.put(rowOf(email));
      copies.set(email.emailNo, this.#packed(email.at));
      if (email.marked.length > 0) marked.push(email);
    };
    const connection: SqlConnection = await this.database.connect();
    let whole = false;
    try {
      await connection.each(
        `SELECT STRAIGHT_JOIN ${COPY_COLUMNS}
         FROM mailbox b JOIN message m ON m.mailbox_id = b.id
           JOIN email e ON e.account_id = b.owner_id AND e.email_no = m.email_no
         WHERE b.owner_id = ? AND b.name_hash IS NOT NULL ORDER BY e.email_no, m.mailbox_id, m.uid`,
        [this.#accountId],
        (row: Row) => gathering.add(row as CopyRow, take),
      );
      gathering.end(take);
      whole = true;
    } finally {
      if (whole) connection.release();
      else connection.destroy();
    }
    for (const row of await this.#withMore(marked)) columns.put(row);
    this.#copies = copies;
    return columns;
  }

  #packed({ mailboxId, uid }: CopyAt): number {
    let index = this.#indexOf.get(mailboxId);
    if (index === undefined) {
      index = this.#mailboxIds.push(mailboxId) - 1;
      this.#indexOf.set(mailboxId, index);
    }
    return index * UIDS + uid;
  }

  /** Rows of emails with their keywords from number 64 on, of all copies. */
  async #withMore(emails: readonly Gathered[]): Promise<ColumnRow[]> {
    const byMailbox = new Map<number, number[]>();
    for (const { marked } of emails) {
      for (const { mailboxId, uid } of marked) {
        const uids = byMailbox.get(mailboxId);
        if (uids === undefined) byMailbox.set(mailboxId, [uid]);
        else uids.push(uid);
      }
    }
    const found = new Map<string, readonly number[]>();
    for (const [mailboxId, uids] of byMailbox) {
      uids.sort((a, b) => a - b);
      for (let i = 0; i < uids.length; i += KEYWORD_PAGE) {
        const page = await readMoreKeywords(this.database, mailboxId, uidRuns(uids.slice(i, i + KEYWORD_PAGE)));
        for (const [uid, numbers] of page) found.set(`${mailboxId}/${uid}`, numbers);
      }
    }
    return emails.map((email) => {
      const more = new Set(email.marked.flatMap(({ mailboxId, uid }) => found.get(`${mailboxId}/${uid}`) ?? []));
      return more.size === 0 ? rowOf(email) : { ...rowOf(email), more: [...more].sort((a, b) => a - b) };
    });
  }
}

/** Puts emails together from rows in order of email. */
class Gathering {
  #email: Gathered | undefined;

  add([emailNo, mailboxId, uid, flags, low, high, modSeq]: CopyRow, complete: (email: Gathered) => void): void {
    const copy = { mailboxId, uid };
    const marked = (high & MORE_BIT) !== 0 ? [copy] : [];
    const email = this.#email;
    if (email === undefined || email.emailNo !== emailNo) {
      if (email !== undefined) complete(email);
      this.#email = { emailNo, flags, low, high, modSeq, at: copy, marked };
      return;
    }
    email.flags = ((email.flags | flags) & ~DELETED) | (email.flags & flags & DELETED);
    email.low = (email.low | low) >>> 0;
    email.high = (email.high | high) >>> 0;
    email.modSeq = Math.max(email.modSeq, modSeq);
    email.marked.push(...marked);
  }

  end(complete: (email: Gathered) => void): void {
    if (this.#email !== undefined) complete(this.#email);
    this.#email = undefined;
  }
}

/** Copies by mailbox, each in order of UID. */
export function copiesByMailbox(copies: readonly (CopyAt & { readonly emailNo: number })[]): Copies[] {
  const byMailbox = new Map<number, { readonly uid: number; readonly emailNo: number }[]>();
  for (const { mailboxId, uid, emailNo } of copies) {
    const there = byMailbox.get(mailboxId);
    if (there === undefined) byMailbox.set(mailboxId, [{ uid, emailNo }]);
    else there.push({ uid, emailNo });
  }
  return [...byMailbox].map(([mailboxId, there]) => {
    there.sort((a, b) => a.uid - b.uid);
    return { mailboxId, uids: there.map(({ uid }) => uid), emailNos: there.map(({ emailNo }) => emailNo) };
  });
}

function rowOf({ emailNo, flags, low, high, modSeq }: Gathered): ColumnRow {
  return { uid: emailNo, flags, keywordsLow: low, keywordsHigh: high, modSeq };
}

async function readHead(database: Database, accountId: number): Promise<MailboxHead | undefined> {
  const [row] = await database.rows(
    `SELECT a.id, CAST(COALESCE(a.all_uidvalidity, a.created_at DIV 1000) AS UNSIGNED), a.next_email_no, a.modseq,
       CAST(GREATEST(a.purged_floor, COALESCE((SELECT MAX(b.vanished_floor) FROM mailbox b WHERE b.owner_id = a.id), 0))
         AS UNSIGNED)
     FROM account a WHERE a.id = ?`,
    [accountId],
  );
  if (row === undefined) return undefined;
  const [ownerId, uidValidity, uidNext, highestModSeq, vanishedFloor] = row as [number, number, number, number, number];
  return { ownerId, uidValidity, uidNext, highestModSeq, vanishedFloor };
}
