import { integerList, type Row, type SqlValue } from './database.ts';
import { DELETED, SEEN } from './flags.ts';
import { type KeywordBits, keywordLiteral } from './keywords.ts';
import type { StoredContent } from './mailstore.ts';
import { PREPARED_VERSION } from './prepared-texts.ts';
import { insertRowsLater } from './queued-transaction.ts';
import type { SqlQuery } from './transaction.ts';
import type { LockedAccount, LockedMailbox, WriteScope } from './write-scope.ts';

/** A new message for a mailbox. */
export interface NewMessage {
  readonly mailbox: LockedMailbox;
  readonly flags: number;
  readonly keywords: KeywordBits;
}

/** Gathers the rows of new messages, numbers them under the locks of the scope, and inserts them all at the end. */
export class MessageInserts {
  readonly #scope: WriteScope;
  readonly #emails: { accountId: number; emailNo: number; content: StoredContent; copies: number }[] = [];
  readonly #messages: SqlValue[][] = [];
  readonly #keywords: SqlValue[][] = [];
  readonly #cache: SqlValue[][] = [];

  readonly #threadRows: readonly Row[] | undefined;

  /** @param threadRows what {@link threadsOf} found for all that will be added, where it was asked beforehand */
  constructor(scope: WriteScope, threadRows?: readonly Row[]) {
    this.#scope = scope;
    this.#threadRows = threadRows;
  }

  /** One email with a message in each mailbox given; all are of the account. Returns its number and the UIDs. */
  add(
    account: LockedAccount,
    content: StoredContent,
    internalDateMs: number,
    into: readonly NewMessage[],
  ): { readonly emailNo: number; readonly uids: number[] } {
    const emailNo = account.nextEmailNo++;
    const now = Date.now();
    this.#emails.push({ accountId: account.id, emailNo, content, copies: into.length });
    const { prepared } = content;
    this.#cache.push([
      account.id,
      emailNo,
      cacheVersion(prepared),
      prepared.sentAtMs ?? null,
      prepared.envelope,
      prepared.bodyStructure,
      prepared.headerFields,
      Buffer.concat(prepared.threadHashes),
    ]);
    const uids = into.map(({ mailbox, flags, keywords }) => {
      const modSeq = this.#scope.modSeqFor(mailbox);
      const uid = mailbox.uidNext++;
      this.#messages.push([
        mailbox.id,
        uid,
        modSeq,
        flags,
        keywordLiteral(keywords),
        emailNo,
        content.id,
        internalDateMs,
        now,
        content.sizeBytes,
      ]);
      for (const no of keywords.more) this.#keywords.push([mailbox.id, uid, no]);
      mailbox.messages++;
      mailbox.bytes += content.sizeBytes;
      if ((flags & SEEN) === 0) mailbox.unseen++;
      if ((flags & DELETED) !== 0) mailbox.deleted++;
      account.messages++;
      account.bytes += content.sizeBytes;
      return uid;
    });
    return { emailNo, uids };
  }

  async flush(): Promise<void> {
    if (this.#emails.length === 0) return;
    const { transaction } = this.#scope;
    const threads = await this.#threads();
    await insertRowsLater(
      transaction,
      'INSERT INTO email (account_id, email_no, content_id, thread_id, modseq, copies)',
      this.#emails.map((e, i) => [
        e.accountId,
        e.emailNo,
        e.content.id,
        threads[i] as number,
        this.#scope.modSeqOf(e.accountId),
        e.copies,
      ]),
    );
    await insertRowsLater(
      transaction,
      `INSERT INTO message (mailbox_id, uid, modseq, flags, keywords, email_no, content_id, internal_date, save_date, size)`,
      this.#messages,
    );
    await insertRowsLater(transaction, 'INSERT INTO message_keyword (mailbox_id, uid, keyword_no)', this.#keywords);
    await insertRowsLater(
      transaction,
      `INSERT INTO email_cache
       (account_id, email_no, version, sent_at, envelope, bodystructure, header_fields, thread_hashes)`,
      this.#cache,
    );
  }

  /**
   * The thread of each new email: that of any message that it names or that named it before, else a new one with the
   * email's own number (RFC 8474 §5.2). Hashes are remembered for those that come later.
   */
  async #threads(): Promise<number[]> {
    const { transaction } = this.#scope;
    const query = threadsOf(this.#emails);
    const rows = this.#threadRows ?? (await transaction.rowsOnce(query.sql, query.values));
    const known = new Map<string, number>();
    for (const [accountId, hash, thread] of rows as [number, Buffer, number][]) {
      known.set(`${accountId}/${hash.toString('latin1')}`, thread);
    }
    const fresh: SqlValue[][] = [];
    const threads = this.#emails.map(({ accountId, emailNo, content }) => {
      const keys = content.prepared.threadHashes.map((hash) => ({
        hash,
        key: `${accountId}/${hash.toString('latin1')}`,
      }));
      const thread = keys.map(({ key }) => known.get(key)).find((id) => id !== undefined) ?? emailNo;
      for (const { hash, key } of keys) {
        if (known.has(key)) continue;
        known.set(key, thread);
        fresh.push([accountId, hash, thread]);
      }
      return thread;
    });
    await insertRowsLater(transaction, 'INSERT INTO thread_reference (account_id, message_id_hash, thread_id)', fresh);
    return threads;
  }
}

/** `version` of the row of `email_cache`. */
export function cacheVersion({ envelope }: StoredContent['prepared']): number {
  // An ENVELOPE is never empty: this one is rendered when it is read.
  return envelope.length === 0 ? 0 : PREPARED_VERSION;
}

/** The threads that are known for what new emails name. */
export function threadsOf(
  emails: readonly { readonly accountId: number; readonly content: Pick<StoredContent, 'prepared'> }[],
): SqlQuery {
  const wanted = new Map<number, Map<string, Buffer>>();
  for (const { accountId, content } of emails) {
    const hashes = wanted.get(accountId) ?? new Map<string, Buffer>();
    for (const hash of content.prepared.threadHashes) hashes.set(hash.toString('latin1'), hash);
    wanted.set(accountId, hashes);
  }
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  for (const [accountId, hashes] of wanted) {
    if (hashes.size === 0) continue;
    const marks = new Array(hashes.size).fill('?').join(',');
    conditions.push(`(account_id = ${integerList([accountId])} AND message_id_hash IN (${marks}))`);
    values.push(...hashes.values());
  }
  return {
    sql: `SELECT account_id, message_id_hash, thread_id FROM thread_reference WHERE ${conditions.join(' OR ') || 'FALSE'}`,
    values,
  };
}

/** RFC 8474 §4.1: object ids as clients see them. */
export function emailIdText(emailNo: number): string {
  return `E${emailNo}`;
}

export function threadIdText(threadId: number): string {
  return `T${threadId}`;
}
