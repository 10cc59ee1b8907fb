import { accountOfAllMail } from './all-mail-id.ts';
import { type Database, integerList, type Row, type SqlConnection, type SqlRunner } from './database.ts';
import { type Copies, type CopyAt, copiesByMailbox, EmailCopies } from './email-copies.ts';
import { COPY_COLUMNS, COPY_COLUMNS_OF_ALL, type CopyRow, type Gathered, Gathering } from './gathered-emails.ts';
import { type Keywords, readMoreKeywords } from './keywords.ts';
import type { ExpungedSince } from './mailstore.ts';
import { changedUidsOfAll } from './message-changes.ts';
import { type ColumnRow, MessageColumns } from './message-columns.ts';
import { type MailboxHead, SharedView } from './shared-view.ts';
import { inSnapshot } from './snapshot.ts';
import { uidRuns } from './uid-ranges.ts';

/** Above so many changed messages the whole is read anew: that is quicker. */
const MOST_CHANGED = 2000;
const KEYWORD_PAGE = 2000;

type GoneRow = [emailNo: number, mailboxId: number, uid: number, modSeq: number];

/** Messages of a mailbox: a condition in SQL on `m`. */
interface Place {
  readonly mailboxId: number;
  readonly condition: string;
}

/** What happened since the view was read last, as of one instant. */
interface Changes {
  readonly head: MailboxHead;
  /** Undefined when too much happened, or a mailbox went. */
  readonly found: { readonly gone: readonly GoneRow[]; readonly emails: readonly Gathered[] } | undefined;
}

interface ChangedMailbox {
  readonly id: number;
  readonly isDeleted: boolean;
}

/** For IN; 0 is no mailbox, and a list must not be empty. */
const idsOf = (mailboxes: readonly ChangedMailbox[]): string => integerList([0, ...mailboxes.map(({ id }) => id)]);

/** Ids in a list make a range of the key; joined to its mailbox, all that was ever expunged there would be read. */
const expungedIn = (mailboxes: readonly ChangedMailbox[], known: number, columns = 'email_no'): string =>
  `SELECT ${columns} FROM expunged WHERE mailbox_id IN (${idsOf(mailboxes)}) AND modseq > ${integerList([known])}`;

/**
 * All mail of an account as a mailbox: a message for each email, its UID the email's number, which only grows. A flag is set
 * where any copy has it, \Deleted where all have. The mod-sequence is the highest of the copies', or of the loss of one.
 */
export class AllMailView extends SharedView {
  readonly #accountId: number;
  #copies = new EmailCopies();

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
    return this.#copies.first(emailNo);
  }

  /** All copies of these emails as they were then, by mailbox. */
  copiesOfAll(emailNos: readonly number[]): Copies[] {
    return copiesByMailbox(emailNos.flatMap((emailNo) => this.#copies.all(emailNo).map((at) => ({ ...at, emailNo }))));
  }

  override get bytes(): number {
    return super.bytes + this.#copies.bytes;
  }

  protected async catchUp(): Promise<'current' | 'gone'> {
    const head = await readHead(this.database, this.#accountId);
    if (head === undefined || head.uidValidity !== this.head.uidValidity) return 'gone';
    if (head.highestModSeq === this.head.highestModSeq) return 'current';
    // Of one instant: a message that is moved meanwhile is found here or there.
    const changes = await inSnapshot(this.database, (snapshot) => this.#changesIn(snapshot));
    if (changes === undefined || changes.head.uidValidity !== this.head.uidValidity) return 'gone';
    if (changes.found === undefined || !(await this.#apply(changes.found))) this.apply(await this.#loadColumns());
    await this.learnKeywords();
    this.head = this.withUidNext(changes.head);
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

  async #changesIn(snapshot: SqlConnection): Promise<Changes | undefined> {
    const head = await readHead(snapshot, this.#accountId);
    if (head === undefined) return undefined;
    const known = this.head.highestModSeq;
    if (head.vanishedFloor > known) return { head, found: undefined };
    const mailboxes = await this.#mailboxesChangedSince(known, snapshot);
    if (mailboxes.some(({ isDeleted }) => isDeleted)) return { head, found: undefined };
    const modSeq = head.highestModSeq;
    const places = await changedUidsOfAll(snapshot, { ids: idsOf(mailboxes), modSeq }, known, MOST_CHANGED);
    if (places === undefined) return { head, found: undefined };
    const conditions = new Map(
      mailboxes.map(({ id }) => [id, [`m.uid > ${integerList([this.#copies.highestUid(id)])}`]]),
    );
    for (const { mailboxId, condition } of places) {
      conditions.get(mailboxId)?.push(condition.replaceAll('uid ', 'm.uid '));
    }
    const changed = await this.#readCopies(
      snapshot,
      [...conditions].map(([mailboxId, any]) => ({ mailboxId, condition: `(${any.join(' OR ')})` })),
    );
    if (changed.length > MOST_CHANGED) return { head, found: undefined };
    const gone = (await snapshot.rowsOnce(
      `${expungedIn(mailboxes, known, 'email_no, mailbox_id, uid, modseq')} LIMIT ${MOST_CHANGED + 1}`,
    )) as GoneRow[];
    if (gone.length > MOST_CHANGED) return { head, found: undefined };
    const others = this.#otherCopies(changed, gone);
    if (others.length > MOST_CHANGED) return { head, found: undefined };
    const rows = [...changed, ...(await this.#readCopies(snapshot, placesOf(others)))];
    rows.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
    const emails: Gathered[] = [];
    const gathering = new Gathering();
    const lostAt = new Map<number, number>();
    for (const [emailNo, , , lost] of gone) lostAt.set(emailNo, Math.max(lost, lostAt.get(emailNo) ?? 0));
    const complete = (email: Gathered): void => {
      email.modSeq = Math.max(email.modSeq, lostAt.get(email.emailNo) ?? 0);
      emails.push(email);
    };
    for (const row of rows) gathering.add(row, complete);
    gathering.end(complete);
    return { head, found: { gone, emails } };
  }

  /** Copies that did not change themselves, of emails of which another did. */
  #otherCopies(changed: readonly CopyRow[], gone: readonly GoneRow[]): (CopyAt & { readonly emailNo: number })[] {
    const nameOf = (mailboxId: number, uid: number): string => `${mailboxId}/${uid}`;
    const known = new Set([...changed, ...gone].map(([, mailboxId, uid]) => nameOf(mailboxId, uid)));
    const emailNos = [...new Set([...changed, ...gone].map(([emailNo]) => emailNo))];
    return emailNos.flatMap((emailNo) =>
      this.#copies.all(emailNo).flatMap((at) => (known.has(nameOf(at.mailboxId, at.uid)) ? [] : [{ ...at, emailNo }])),
    );
  }

  async #mailboxesChangedSince(known: number, sql: SqlRunner = this.database): Promise<ChangedMailbox[]> {
    const rows = await sql.rows(
      'SELECT id, deleted_at IS NOT NULL FROM mailbox WHERE owner_id = ? AND highestmodseq > ?',
      [this.#accountId, known],
    );
    return (rows as [number, number][]).map(([id, isDeleted]) => ({ id, isDeleted: isDeleted === 1 }));
  }

  /** False when an email is there that should have been known. */
  async #apply({ gone, emails }: NonNullable<Changes['found']>): Promise<boolean> {
    const complete = await this.#withMore(emails);
    if (!this.put(complete)) return false;
    for (const [emailNo, mailboxId, uid] of gone) this.#copies.remove(emailNo, { mailboxId, uid });
    for (const { emailNo, copies } of emails) for (const copy of copies) this.#copies.add(emailNo, copy);
    this.expunge(new Set(gone.map(([emailNo]) => emailNo).filter((no) => this.#copies.first(no) === undefined)));
    return true;
  }

  async #readCopies(snapshot: SqlConnection, places: readonly Place[]): Promise<CopyRow[]> {
    if (places.length === 0) return [];
    const each = places.map(
      ({ mailboxId, condition }) =>
        `(SELECT ${COPY_COLUMNS} FROM message m JOIN email e ON e.account_id = ${this.#accountId} AND e.email_no = m.email_no
          WHERE m.mailbox_id = ${integerList([mailboxId])} AND ${condition} LIMIT ${MOST_CHANGED + 1})`,
    );
    return (await snapshot.rowsOnce(each.join(' UNION ALL '))) as CopyRow[];
  }

  /** One statement, so one snapshot: an email that is moved meanwhile is found here or there. */
  async #loadColumns(): Promise<MessageColumns> {
    const columns = new MessageColumns();
    const gathering = new Gathering();
    const marked: Gathered[] = [];
    const copies = new EmailCopies();
    const take = (email: Gathered): void => {
      columns.put(rowOf(email));
      for (const copy of email.copies) copies.add(email.emailNo, copy);
      if (email.marked.length > 0) marked.push(email);
    };
    const connection: SqlConnection = await this.database.connect();
    let whole = false;
    try {
      await connection.each(
        `SELECT STRAIGHT_JOIN ${COPY_COLUMNS_OF_ALL}
         FROM mailbox b JOIN message m ON m.mailbox_id = b.id
           JOIN email e ON e.account_id = b.owner_id AND e.email_no = m.email_no
           LEFT JOIN (SELECT x.email_no, MAX(x.modseq) AS modseq FROM mailbox o JOIN expunged x ON x.mailbox_id = o.id
             WHERE o.owner_id = ? GROUP BY x.email_no) lost ON lost.email_no = m.email_no
         WHERE b.owner_id = ? AND b.name_hash IS NOT NULL ORDER BY e.email_no, m.mailbox_id, m.uid`,
        [this.#accountId, this.#accountId],
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

function placesOf(copies: readonly (CopyAt & { readonly emailNo: number })[]): Place[] {
  return copiesByMailbox(copies).map(({ mailboxId, uids }) => ({
    mailboxId,
    condition: uidRuns(uids).replaceAll('uid ', 'm.uid '),
  }));
}

function rowOf({ emailNo, flags, low, high, modSeq }: Gathered): ColumnRow {
  return { uid: emailNo, flags, keywordsLow: low, keywordsHigh: high, modSeq };
}

async function readHead(sql: SqlRunner, accountId: number): Promise<MailboxHead | undefined> {
  const [row] = await sql.rows(
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
