import type { SelectedMailbox } from '../selected-mailbox.ts';
import type { ReachableMailbox } from './access.ts';

/**
 * Names are Unicode in NFC, the hierarchy separator is `/`, INBOX is that name in any case (also as first component:
 * `inbox/a` is `INBOX/a`). The mailstore normalises every name that it is given.
 */
export interface Mailboxes {
  /** All mailboxes of the account, sorted by name, INBOX first. Parents that do not exist are not among them. */
  list(accountId: number): Promise<MailboxInfo[]>;
  /**
   * The same with what each row says now, the names subscribed to, and (where `granted`) the mailboxes of others in which the account has been
   * granted something: all that a list tells, in one question.
   */
  overview(accountId: number, granted: boolean): Promise<MailboxOverview>;
  /** Names subscribed to; a name may be subscribed without a mailbox (RFC 9051 §6.3.7). */
  subscriptions(accountId: number): Promise<string[]>;
  subscribe(accountId: number, name: string): Promise<'subscribed' | 'invalid-name'>;
  unsubscribe(accountId: number, name: string): Promise<void>;
  /** The mailbox of a name, with what its row says now. Names that are asked for at the same time share a query. */
  find(accountId: number, name: string): Promise<FoundMailbox | undefined>;
  /**
   * All mail of an account as one mailbox, without a name of its own: a message for each email, its UID the email's number
   * (RFC 6154 \All). Flags are those of any copy, \Deleted where all copies have it; stored flags go to all copies.
   * Undefined when there is no such account.
   */
  allMail(accountId: number): Promise<Omit<MailboxInfo, 'name'> | undefined>;
  /** Creates it and its missing parents (RFC 9051 §6.3.4). A trailing `/` is ignored. */
  create(accountId: number, name: string, options?: { readonly specialUse?: SpecialUse }): Promise<CreateMailboxResult>;
  /** RFC 6154 §4; undefined takes the use away. */
  setSpecialUse(
    accountId: number,
    name: string,
    use: SpecialUse | undefined,
  ): Promise<'set' | 'no-such-mailbox' | 'special-use-taken'>;
  /** Its children stay (RFC 9051 §6.3.5). The name is free at once; its messages can be restored for a while. */
  remove(accountId: number, name: string): Promise<'deleted' | 'no-such-mailbox' | 'is-inbox'>;
  /**
   * Children follow; missing parents of the new name are created. INBOX gives its messages to a new mailbox and stays,
   * empty, with its children where they are (RFC 9051 §6.3.6).
   */
  rename(accountId: number, from: string, to: string): Promise<RenameMailboxResult>;
  /**
   * Counters of many mailboxes in one query, in the order of the ids; undefined for one that is gone. `unseen` is what the account
   * `forAccountId` has not seen (default: the owner).
   */
  status(mailboxIds: readonly number[], forAccountId?: number): Promise<(MailboxStatus | undefined)[]>;
  /** Octets of the messages that are \Deleted (RFC 9208 §4.2 DELETED-STORAGE). */
  deletedBytes(mailboxId: number): Promise<number>;
  /** Opens a mailbox for a session: SELECT or EXAMINE. Undefined when it is gone. Close it. */
  open(mailboxId: number, options: OpenOptions): Promise<SelectedMailbox | undefined>;
}

/** RFC 6154 §2. */
export type SpecialUse = '\\Drafts' | '\\Sent' | '\\Junk' | '\\Trash' | '\\Archive' | '\\All' | '\\Flagged';

export interface MailboxInfo {
  readonly id: number;
  readonly accountId: number;
  readonly name: string;
  readonly uidValidity: number;
  readonly specialUse: SpecialUse | undefined;
}

export interface MailboxStatus {
  readonly id: number;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModSeq: number;
  readonly messages: number;
  readonly unseen: number;
  readonly deleted: number;
  /** How many are \Recent to the next session that selects the mailbox. */
  readonly recent: number;
  readonly sizeBytes: number;
}

/** A mailbox and its counters, read together. */
export interface FoundMailbox extends MailboxInfo {
  /** `recent` is undefined where it must be counted: `status` does. */
  readonly counters: Omit<MailboxStatus, 'recent'> & { readonly recent: number | undefined };
  /** The first UID that is \Recent to the next session that selects the mailbox. */
  readonly firstRecentUid: number;
  /** Expunges up to this mod-sequence are no longer on record. */
  readonly vanishedFloor: number;
}

export interface MailboxOverview {
  /** As `list` sorts them. */
  readonly own: readonly FoundMailbox[];
  readonly subscriptions: readonly string[];
  readonly granted: readonly ReachableMailbox[];
}

export type CreateMailboxResult =
  | { readonly kind: 'created'; readonly mailbox: MailboxInfo }
  | { readonly kind: 'exists' }
  | { readonly kind: 'special-use-taken' }
  | { readonly kind: 'invalid-name'; readonly why: string };

export type RenameMailboxResult =
  | { readonly kind: 'renamed' }
  | { readonly kind: 'no-such-mailbox' }
  | { readonly kind: 'exists' }
  | { readonly kind: 'invalid-name'; readonly why: string };

export interface OpenOptions {
  /** SELECT under IMAP4rev1 takes the \Recent marks (RFC 3501 §2.3.2); EXAMINE and IMAP4rev2 do not. */
  readonly claimRecent: boolean;
  /** What `find` has told of it a moment ago: a view that is in step with that needs no question. */
  readonly found?: FoundMailbox | undefined;
  /** Shows the \Recent marks without taking them: EXAMINE (RFC 3501 §6.3.2). */
  readonly showRecent?: boolean;
  /** Account of a user who is not the owner, with a \Seen of one's own. */
  readonly seenOf?: number | undefined;
}
