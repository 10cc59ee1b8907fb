import { parseInternalDate } from '@postern/shared/message/date.ts';
import { imap, piece } from '../imap/codec/command.ts';
import { readSequenceSet } from '../imap/codec/sequence-set.ts';
import type { PooledConnection } from '../imap/connection-pool.ts';
import { type ListedMailbox, listMailboxes, type MailboxListing } from '../imap/mailbox-list.ts';
import { ChangeHistory } from './change-history.ts';
import { isDeleted, keywordsOf } from './keywords.ts';
import { emailStateOf, mailboxStateOf } from './states.ts';

/** One email in all the mailboxes that hold a copy of it. */
export interface IndexedEmail {
  /** EMAILID of RFC 8474. */
  readonly id: string;
  readonly threadId: string;
  readonly receivedAtMs: number;
  readonly sizeBytes: number;
  /** Not empty, but while the index is brought up to date. */
  readonly copies: Map<IndexedMailbox, Copy>;
  /** Learnt from its structure when it was first asked for. */
  hasAttachment: boolean | undefined;
}

export interface Copy {
  readonly uid: number;
  /** JMAP’s keywords, shared by all messages that have the same. */
  readonly keywords: readonly string[];
}

export interface IndexedMailbox {
  listed: ListedMailbox;
  readonly byUid: Map<number, IndexedEmail>;
  /** The mod-sequence up to which this is known; 0 for nothing. */
  knownModSeq: number;
}

/** RFC 8621 §2. */
export interface MailboxCounts {
  readonly totalEmails: number;
  readonly unreadEmails: number;
  readonly totalThreads: number;
  readonly unreadThreads: number;
}

/** What changed between two states. */
export interface EmailChanges {
  readonly created: Set<string>;
  readonly updated: Set<string>;
  /** With the thread that each was in; undefined where that is not known any more. */
  readonly destroyed: Map<string, string | undefined>;
}

/** Read the list again when it moved while it was followed; then it is taken as it is. */
const MAX_ROUNDS = 4;
const ROW =
  /^\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) EMAILID \(([A-Za-z0-9_-]+)\) THREADID (?:NIL|\(([A-Za-z0-9_-]+)\)) INTERNALDATE "([^"]+)" RFC822\.SIZE (\d+)(?: MODSEQ \(\d+\))?\)$/i;
const ITEMS = piece`(UID FLAGS EMAILID THREADID INTERNALDATE RFC822.SIZE)`;

/**
 * Which emails an account has, where, and with which flags: what queries, threads and changes are answered from. It is made
 * from the store when it is needed, followed by mod-sequences (RFC 7162), and may be forgotten at any time.
 */
export class AccountIndex {
  readonly mailboxes = new Map<string, IndexedMailbox>();
  readonly emails = new Map<string, IndexedEmail>();
  readonly threads = new Map<string, IndexedEmail[]>();
  readonly history = new ChangeHistory();
  /** Results of queries that the index alone decides, as long as nothing in it changes; the oldest gives way. */
  readonly results = new Map<string, readonly IndexedEmail[]>();
  /** Counts of mailboxes, by id, as long as nothing changes. */
  readonly counts = new Map<string, MailboxCounts>();
  listing: MailboxListing = { mailboxes: [], all: undefined };
  #changes: EmailChanges | undefined;

  /** The state string of Email and Thread; the same as push tells. */
  get emailState(): string {
    return emailStateOf(this.listing);
  }

  get mailboxState(): string {
    return mailboxStateOf(this.listing);
  }

  /** Brings the index into step with the store. One at a time. */
  async refresh(pooled: PooledConnection): Promise<void> {
    const before = this.mailboxes.size === 0 ? undefined : this.emailState;
    const changes: EmailChanges = { created: new Set(), updated: new Set(), destroyed: new Map() };
    this.#changes = changes;
    let isOther = false;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const listing = await listMailboxes(pooled.connection);
      const moved = await this.#follow(pooled, listing);
      this.listing = listing;
      if (!moved) break;
      isOther = true;
    }
    this.#settle(changes);
    if (isOther) {
      this.results.clear();
      this.counts.clear();
    }
    this.#changes = undefined;
    if (before !== undefined) this.history.add(before, this.emailState, changes);
  }

  /** Returns whether anything was different. */
  async #follow(pooled: PooledConnection, listing: MailboxListing): Promise<boolean> {
    let moved = false;
    const ids = new Set(listing.mailboxes.map(({ id }) => id));
    for (const [id, mailbox] of this.mailboxes) {
      if (ids.has(id)) continue;
      this.#forget(mailbox);
      this.mailboxes.delete(id);
      moved = true;
    }
    for (const listed of listing.mailboxes) {
      const known = this.mailboxes.get(listed.id);
      const same = known !== undefined && known.listed.uidValidity === listed.uidValidity;
      if (known !== undefined && !same) this.#forget(known);
      const mailbox = known ?? { listed, byUid: new Map(), knownModSeq: 0 };
      if (!same) mailbox.knownModSeq = 0;
      mailbox.listed = listed;
      this.mailboxes.set(listed.id, mailbox);
      if (mailbox.knownModSeq === listed.highestModSeq) continue;
      moved = true;
      if (listed.messages > 0 || mailbox.byUid.size > 0) {
        if (!(await pooled.select(listed.name))) continue;
        await this.#fetch(pooled, mailbox);
      }
      mailbox.knownModSeq = listed.highestModSeq;
    }
    return moved;
  }

  async #fetch({ connection }: PooledConnection, mailbox: IndexedMailbox): Promise<void> {
    const since = mailbox.knownModSeq;
    const changed = since > 0 ? piece` (CHANGEDSINCE ${since} VANISHED)` : piece``;
    await connection.must(imap`UID FETCH 1:* ${ITEMS}${changed}`, ({ lines: [line = ''] }) => {
      const row = ROW.exec(line);
      if (row === null) return this.#takeVanished(mailbox, line);
      const [, uid, flags = '', id = '', threadId = id.replace(/^E/, 'T'), date = '', size] = row;
      const receivedAtMs = parseInternalDate(date)?.ms ?? 0;
      this.#put(mailbox, Number(uid), flags, { id, threadId, receivedAtMs, sizeBytes: Number(size) });
    });
  }

  /** RFC 7162 §3.2.10. Other rows are flags that were told unasked: their mod-sequence is newer, so that they come again. */
  #takeVanished(mailbox: IndexedMailbox, line: string): void {
    const set = /^\* VANISHED (?:\(EARLIER\) )?([\d:,]+)$/i.exec(line)?.[1];
    if (set !== undefined) for (const uid of readSequenceSet(set)) this.#remove(mailbox, uid);
  }

  #put(
    mailbox: IndexedMailbox,
    uid: number,
    flags: string,
    facts: Omit<IndexedEmail, 'copies' | 'hasAttachment'>,
  ): void {
    // RFC 8621 §4.1.1: what is marked as deleted is not there.
    if (isDeleted(flags)) {
      this.#remove(mailbox, uid);
      return;
    }
    let email = this.emails.get(facts.id);
    if (email === undefined) {
      email = { ...facts, copies: new Map(), hasAttachment: undefined };
      this.emails.set(facts.id, email);
      const thread = this.threads.get(facts.threadId);
      if (thread === undefined) this.threads.set(facts.threadId, [email]);
      else thread.push(email);
      this.#changes?.created.add(email.id);
    } else if (this.#changes?.created.has(email.id) !== true) {
      this.#changes?.updated.add(email.id);
    }
    email.copies.set(mailbox, { uid, keywords: keywordsOf(flags) });
    mailbox.byUid.set(uid, email);
  }

  #remove(mailbox: IndexedMailbox, uid: number): void {
    const email = mailbox.byUid.get(uid);
    if (email === undefined) return;
    mailbox.byUid.delete(uid);
    // A second copy in the same mailbox has another UID.
    if (email.copies.get(mailbox)?.uid === uid) email.copies.delete(mailbox);
    this.#changes?.updated.add(email.id);
  }

  #forget(mailbox: IndexedMailbox): void {
    for (const uid of [...mailbox.byUid.keys()]) this.#remove(mailbox, uid);
  }

  /** An email that no mailbox holds any more is gone; one that came and went was never there. */
  #settle({ created, updated, destroyed }: EmailChanges): void {
    for (const id of [...updated, ...created]) {
      const email = this.emails.get(id);
      if (email === undefined || email.copies.size > 0) continue;
      this.emails.delete(id);
      const thread = this.threads.get(email.threadId)?.filter((each) => each !== email) ?? [];
      if (thread.length === 0) this.threads.delete(email.threadId);
      else this.threads.set(email.threadId, thread);
      updated.delete(id);
      if (!created.delete(id)) destroyed.set(id, email.threadId);
    }
  }
}
