import type { Database } from './database.ts';
import { EmailNumbers } from './email-numbers.ts';
import { type Keywords, MORE_BIT } from './keywords.ts';
import type { FoundMailbox } from './mailstore.ts';
import { type ColumnRow, MessageColumns } from './message-columns.ts';

const CURRENT = Promise.resolve('current' as const);

/** What the mailbox row says. */
export interface MailboxHead {
  readonly ownerId: number;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModSeq: number;
  readonly vanishedFloor: number;
}

/** System flags of messages as they are now: of UIDs, ascending. */
export interface LearnedFlags {
  readonly uids: Uint32Array;
  readonly flags: Uint16Array;
}

/**
 * One mailbox in memory, shared by all sessions of the process and kept in step by mod-sequence. Expunges retire the
 * columns; sessions that still count in retired ones keep them, and these get flags and new messages as well. Where messages
 * come from is for the classes below this one: a mailbox, or all mail of an account.
 */
export abstract class SharedView {
  readonly mailboxId: number;
  protected readonly database: Database;
  protected readonly keywords: Keywords;
  head: MailboxHead;
  current = new MessageColumns();
  readonly emailNumbers = new EmailNumbers();
  /** Retired columns by the number of sessions that count in them. */
  readonly #retired = new Map<MessageColumns, number>();
  /** Sessions that count in the current columns. */
  #entered = 0;
  /** Keywords known when the view was read last, for "send FLAGS again". */
  keywordCount = 0;
  #refreshing: Promise<'current' | 'gone'> | undefined;
  #again: Promise<'current' | 'gone'> | undefined;

  protected constructor(mailboxId: number, database: Database, keywords: Keywords, head: MailboxHead) {
    this.mailboxId = mailboxId;
    this.database = database;
    this.keywords = keywords;
    this.head = head;
  }

  /** Memory, roughly. */
  get bytes(): number {
    return this.current.bytes + this.emailNumbers.bytes;
  }

  /** Whether nobody can have changed anything since the view was read last, so that there is no need to ask. */
  protected get isCurrent(): boolean {
    return false;
  }

  /** Catches up with what was committed since `head`. */
  protected abstract catchUp(): Promise<'current' | 'gone'>;

  /** Whether this is what the view has read, so that there is nothing to catch up with. */
  isAt(head: Pick<MailboxHead, 'uidValidity' | 'uidNext' | 'highestModSeq'>): boolean {
    const { uidValidity, uidNext, highestModSeq } = this.head;
    return head.uidValidity === uidValidity && head.uidNext === uidNext && head.highestModSeq === highestModSeq;
  }

  /**
   * Catches up. One reading serves all who ask before it starts; who asks while it is under way waits for the next, since
   * what was committed a moment ago may have missed it.
   */
  refresh(): Promise<'current' | 'gone'> {
    if (this.isCurrent) return CURRENT;
    if (this.#refreshing === undefined) {
      this.#refreshing = this.catchUp().finally(() => {
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

  /** Takes in changed and new messages; false when one came below the last UID that is not known. */
  protected put(rows: readonly ColumnRow[]): boolean {
    let known = true;
    for (const row of rows) known = this.current.put(row) && known;
    for (const columns of this.#retired.keys()) for (const row of rows) columns.put(row);
    return known;
  }

  /**
   * Learns system flags that a transaction of this process has committed, if the view is still as it was under that transaction's locks; else
   * the next reading brings them.
   *
   * @param before HIGHESTMODSEQ under the locks, to which the transaction added `modSeq`
   */
  learnFlags(learned: readonly LearnedFlags[], before: number, modSeq: number): void {
    if (this.head.highestModSeq !== before) return;
    for (const columns of [this.current, ...this.#retired.keys()])
      for (const { uids, flags } of learned) columns.changeFlags(uids, flags, modSeq);
    this.head = { ...this.head, highestModSeq: modSeq };
  }

  /** The same of messages that it has expunged. */
  learnExpunged(uids: readonly number[], before: number, modSeq: number): void {
    if (this.head.highestModSeq !== before) return;
    this.expunge(new Set(uids));
    this.head = { ...this.head, highestModSeq: modSeq };
  }

  protected expunge(uids: ReadonlySet<number>): void {
    let found = false;
    for (const uid of uids) found ||= this.current.indexOf(uid) >= 0;
    if (!found) return;
    this.#retire(this.current.without(uids));
  }

  /** Replaces the columns by newly read ones; sessions see what is missing as expunged. */
  protected apply(loaded: MessageColumns): void {
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

  /** UIDNEXT lies above every UID, also above those of messages that came after the head was read. */
  protected withUidNext(head: MailboxHead): MailboxHead {
    const { uids, count } = this.current;
    const last = count === 0 ? 0 : (uids[count - 1] as number);
    return last < head.uidNext ? head : { ...head, uidNext: last + 1 };
  }

  protected async learnKeywords(): Promise<void> {
    const { keywordsLow, keywordsHigh, count } = this.current;
    this.keywordCount = this.keywords.known(this.head.ownerId).length;
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
    await this.keywords.ensureKnown(this.head.ownerId, highest);
    this.keywordCount = this.keywords.known(this.head.ownerId).length;
  }
}

export function headOf({ accountId, counters, vanishedFloor }: FoundMailbox): MailboxHead {
  const { uidValidity, uidNext, highestModSeq } = counters;
  return { ownerId: accountId, uidValidity, uidNext, highestModSeq, vanishedFloor };
}
