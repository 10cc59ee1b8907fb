import type { PartOffsets } from '@postern/shared/message/mime-part.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { Reply } from '@postern/shared/smtp/reply.ts';
import type { GrantedRights, Rights } from './access-rights.ts';
import type { NewBody } from './body-rows.ts';
import type { FlagSet } from './flags.ts';
import type { MailboxColumns, SelectedMailbox } from './selected-mailbox.ts';

/**
 * The only door to mail. IMAP, POP3, LMTP, Sieve and the console come through it; behind it stands SQL, and nothing
 * outside knows a table. A promise that resolves means committed. Expected outcomes are values; a rejection is a fault
 * (database away, a defect), and {@link CommitOutcomeUnknown} says that nobody knows whether the change happened.
 */
export interface Mailstore {
  readonly access: Access;
  readonly accounts: Accounts;
  readonly contents: Contents;
  readonly deliveries: Deliveries;
  readonly mailboxes: Mailboxes;
  readonly messages: Messages;
  readonly changes: Changes;
  readonly maintenance: Maintenance;
  readonly settings: Settings;
  readonly tokens: Tokens;
  /** Whether the database answers, and with the tables that this program needs. Never rejects. */
  check(): Promise<{ readonly ok: true } | { readonly ok: false; readonly cause: string }>;
  /** Removes what nothing refers to, and history past its time. Safe at any time, on any node. */
  collectGarbage(now?: Date): Promise<GarbageReport>;
  close(): Promise<void>;
}

export interface MailstoreOptions {
  /** `mysql://user:password@host:port/name`, or with `?socketPath=…`. */
  readonly url: string;
  /** Connections of the pool. */
  readonly connections: number;
  readonly log: Log;
  /** Bring the tables to the newest version before anything else (default true). */
  readonly migrate?: boolean;
  /** How long a body that nothing refers to is left alone: longer than any delivery's deadline. Default one hour. */
  readonly contentGraceMs?: number;
  /** How long expunged messages are kept for undelete and QRESYNC. Default 14 days. */
  readonly undeleteWindowMs?: number;
  /** How long a delivery id is remembered: longer than any spool's lifetime. Default 14 days. */
  readonly deliveryRecordsLiveMs?: number;
  /** Pause between readings of the change feed while somebody watches. Default 200 ms. */
  readonly feedIntervalMs?: number;
  /** Memory for bodies kept for the next FETCH. Default 32 MiB. */
  readonly bodyCacheBytes?: number;
}

// ── Accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** An account of the store, tied to the directory's entry by `uuid`. */
export interface StoredAccount {
  readonly id: number;
  readonly uuid: string;
  readonly address: string;
}

export interface Accounts {
  /**
   * Finds or creates the account and its standard mailboxes (INBOX, Drafts, Sent, Junk, Trash, Archive, subscribed).
   * Follows a new address of the same entry. `address-taken`: another entry's account has this address (answer 451
   * until an administrator adopts it). Answers from memory after the first time.
   */
  ensure(account: { readonly uuid: string; readonly address: string }): Promise<EnsureAccountResult>;
  /**
   * Gives the account of an address to another entry of the directory, mail and all (invariant 4: only an administrator
   * decides that). Refused when that entry has an account already.
   */
  adopt(given: { readonly address: string; readonly uuid: string }): Promise<AdoptResult>;
  /** The account that has this address now. */
  find(address: string): Promise<StoredAccount | undefined>;
  /** What the account holds now. Zeroes for an account that is not there. */
  usage(accountId: number): Promise<QuotaUsage>;
  /** Whether one more message of `bytes` (0 when its size is not known yet: RCPT) fits. A limit of 0 is none. */
  fits(accountId: number, bytes: number, limits: QuotaLimits): Promise<boolean>;
}

export type EnsureAccountResult =
  | { readonly kind: 'ready'; readonly account: StoredAccount }
  | { readonly kind: 'address-taken'; readonly byUuid: string };

export type AdoptResult = 'adopted' | 'was-so-already' | 'no-such-account' | 'entry-has-account';

/** 0 is no limit. */
export interface QuotaLimits {
  readonly bytes: number;
  readonly messages: number;
}

export interface QuotaUsage {
  readonly bytes: number;
  readonly messages: number;
}

// ── Access ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Who else may do what in a mailbox (RFC 4314). The mailstore keeps rights and tells them; the protocols enforce them. */
export interface Access {
  /** What an account may do in a mailbox; the owner everything. */
  rightsOf(accountId: number, mailbox: Pick<MailboxInfo, 'id' | 'accountId'>): Promise<Rights>;
  /** What was granted to others than the owner, and taken away. */
  entries(mailboxId: number): Promise<AccessEntry[]>;
  /** SETACL and DELETEACL (which sets nothing). Sessions that have the mailbox selected are woken. */
  change(mailbox: Pick<MailboxInfo, 'id' | 'accountId'>, change: AccessChange): Promise<'changed' | 'no-such-mailbox'>;
  /** All mailboxes of others in which the account has been granted something. */
  reachable(accountId: number): Promise<ReachableMailbox[]>;
}

export interface AccessEntry extends GrantedRights {
  /** An account's address, or `anyone`. */
  readonly grantee: string;
}

export interface AccessChange extends GrantedRights {
  /** Id of an account, or everybody who signs in. */
  readonly grantee: number | 'anyone';
  readonly how: 'set' | 'add' | 'remove';
}

export interface ReachableMailbox extends MailboxInfo {
  readonly ownerAddress: string;
  readonly rights: Rights;
}

/** A user who is not the owner: has a \Seen of one's own in each mailbox. */
export interface FlagActor {
  readonly accountId: number;
  /** System flags (bits) that may be changed; others stay, or are not carried along. */
  readonly system: number;
  /** Whether keywords may be changed. */
  readonly keywords: boolean;
}

// ── Content ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Contents {
  /**
   * Makes the original bytes durable, once for each sha256, in a transaction of its own. Do it before `deliver` or
   * `append`, outside every lock. What is never delivered is collected as garbage after the grace period.
   */
  put(message: Buffer): Promise<StoredContent>;
  /**
   * A body on its way into mailboxes by `deliver`: one of common size is only looked over, and written in the transaction of its
   * delivery; a large one is made durable at once, as by `put`. The bytes must not be changed afterwards.
   */
  arrived(message: Buffer): ArrivedContent | Promise<ArrivedContent>;
}

/** A body that lies in the database, and what was learnt from it for the mailboxes that will hold it. */
export interface StoredContent {
  /** UUIDv7, 16 bytes. */
  readonly id: Buffer;
  /** SHA-256 of the bytes, 32 bytes. */
  readonly sha256: Buffer;
  readonly sizeBytes: number;
  /** Texts that go beside the message; opaque to callers. */
  readonly prepared: PreparedTexts;
}

/** A body that is in no table yet. */
export interface UnwrittenContent extends Omit<StoredContent, 'id'> {
  /** Opaque to callers. */
  readonly body: NewBody;
}

/** What a delivery brings: `deliver` writes what is not written yet. */
export type ArrivedContent = StoredContent | UnwrittenContent;

/** Ready to send: what FETCH and SORT need, rendered once at arrival. */
export interface PreparedTexts {
  readonly envelope: Buffer;
  readonly bodyStructure: Buffer;
  /** Raw header fields of CACHED_HEADER_FIELDS, in the order of the message, folding kept. */
  readonly headerFields: Buffer;
  /** Date of the Date field in ms since 1970; undefined when it has none that can be read. */
  readonly sentAtMs: number | undefined;
  /** Hashes of Message-ID, In-Reply-To and References: what ties a thread. Message-ID's (or none) first. */
  readonly threadHashes: readonly Buffer[];
}

// ── Deliveries ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Deliveries {
  /**
   * Delivers all in one transaction (group commit) by the write rule and answers in the same order. Accounts that
   * somebody else has locked are served after the rest, or answered `locked` when the caller keeps a queue for them
   * itself (`lockedAccounts: 'report'`), so that they hold up nobody; a batch that fails is split down to single deliveries; a
   * COMMIT of unknown outcome is run again by delivery id. Rejects never: a fault is a value of its own delivery.
   */
  deliver(batch: readonly Delivery[], options?: DeliverOptions): Promise<DeliverResult[]>;
  /** What was recorded for an earlier delivery; undefined when nothing was. */
  recorded(key: DeliveryKey): Promise<RecordedDelivery | undefined>;
}

export interface DeliverOptions {
  /** `wait` (default) serves locked accounts after the rest; `report` leaves them alone and answers `locked`. */
  readonly lockedAccounts?: 'wait' | 'report';
}

/** The identity of a delivery: the same key is never delivered twice (invariant 2). */
export interface DeliveryKey {
  /** Name of the peer's certificate, or a name of ours for local sources. */
  readonly peer: string;
  /** 32 lower-case hex digits. */
  readonly deliveryId: string;
  /** The recipient as it came in RCPT. */
  readonly recipient: string;
}

export interface Delivery {
  readonly key: DeliveryKey;
  readonly account: StoredAccount;
  readonly content: ArrivedContent;
  /**
   * SHA-256 that tells "the same bytes again" from "the same id with other bytes". Give the hash of what the peer sent,
   * when trace headers of our own were put before it; default the content's.
   */
  readonly sha256?: Buffer | undefined;
  /** Where it goes: one email, a message in each of these mailboxes. Empty: nowhere (discarded, or redirected only). */
  readonly into: readonly DeliveryTarget[];
  readonly internalDate: Date;
  /** Checked under the account's lock. */
  readonly quota: QuotaLimits;
  /** Recorded as the outcome, and returned again when the same delivery is repeated. */
  readonly outcome: 'delivered' | 'failed';
  readonly reply: Reply;
  /** What the delivery causes, committed with it: redirects, vacation replies, DSNs. Ids become `deliveryId/n`. */
  readonly outgoing?: readonly OutgoingMessage[] | undefined;
}

export interface DeliveryTarget {
  /** Full name of a mailbox of the account. */
  readonly mailbox: string;
  /** The account's mailbox with this use goes before the one with the name. */
  readonly specialUse?: SpecialUse | undefined;
  readonly flags: FlagSet;
  /** What to do when it does not exist: create it, or fall back to INBOX (default). */
  readonly create?: boolean | undefined;
}

export interface OutgoingMessage {
  readonly reversePath: string;
  readonly recipients: readonly string[];
  readonly content: StoredContent;
  readonly releaseAt?: Date | undefined;
}

export type DeliverResult =
  | {
      readonly kind: 'delivered';
      readonly reply: Reply;
      readonly emailId: string;
      readonly messages: DeliveredMessage[];
    }
  /** The same delivery was done before: answer what was recorded, do nothing. */
  | { readonly kind: 'repeated'; readonly recorded: RecordedDelivery }
  /** The same id with other bytes: 451 and an alarm. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'over-quota' }
  /** Only with `lockedAccounts: 'report'`: somebody else has the account; nothing was done. */
  | { readonly kind: 'locked' }
  /** Database away, lock not to be had in time, or a defect: 451. */
  | { readonly kind: 'fault'; readonly cause: Error };

export interface DeliveredMessage {
  readonly mailboxId: number;
  readonly mailbox: string;
  readonly uidValidity: number;
  readonly uid: number;
  readonly modSeq: number;
}

export interface RecordedDelivery {
  readonly outcome: 'delivered' | 'failed';
  readonly reply: Reply;
  readonly at: Date;
}

// ── Mailboxes ────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Names are Unicode in NFC, the hierarchy separator is `/`, INBOX is that name in any case (also as first component:
 * `inbox/a` is `INBOX/a`). The mailstore normalises every name that it is given.
 */
export interface Mailboxes {
  /** All mailboxes of the account, sorted by name, INBOX first. Parents that do not exist are not among them. */
  list(accountId: number): Promise<MailboxInfo[]>;
  /** Names subscribed to; a name may be subscribed without a mailbox (RFC 9051 §6.3.7). */
  subscriptions(accountId: number): Promise<string[]>;
  subscribe(accountId: number, name: string): Promise<'subscribed' | 'invalid-name'>;
  unsubscribe(accountId: number, name: string): Promise<void>;
  /** The mailbox of a name, with what its row says now. Names that are asked for at the same time share a query. */
  find(accountId: number, name: string): Promise<FoundMailbox | undefined>;
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

// ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** UIDs are given in ascending order, without repetition. UIDs that do not exist (any more) are left out of answers. */
export interface Messages {
  /**
   * Reads what FETCH asks for, page by page (at most `pageSize` messages, 500 by default), in order of UID. Only what
   * `want` names is read; texts come ready from the database.
   */
  fetch(mailboxId: number, uids: ArrayLike<number>, want: FetchWants): AsyncIterable<FetchedMessage[]>;
  /** Octets of the original bytes from `start` up to (not including) `end`, cut at the message's end. */
  readBody(contentId: Buffer, start?: number, end?: number): Promise<Buffer>;
  /** Structure of the message: the offsets of each part in its bytes. Undefined when the content is gone. */
  structure(contentId: Buffer): Promise<StoredStructure | undefined>;
  /** Appends all in one transaction (MULTIAPPEND, RFC 3502): all or none. */
  append(mailboxId: number, messages: readonly AppendMessage[], quota: QuotaLimits): Promise<AppendResult>;
  /**
   * REPLACE (RFC 8508): appends to one mailbox and removes from another (or the same), both or nothing. The quota is asked for
   * what the account grows by.
   */
  replace(
    mailboxId: number,
    uid: number,
    toMailboxId: number,
    message: AppendMessage,
    quota: QuotaLimits,
  ): Promise<AppendResult | { readonly kind: 'replaced-is-gone' }>;
  /**
   * STORE. `unchangedSince` (RFC 7162 §3.1.3) leaves out messages with a higher mod-sequence and names them. Messages
   * whose flags stay what they were keep their mod-sequence. Many messages are committed in slices.
   */
  storeFlags(mailboxId: number, uids: ArrayLike<number>, change: FlagChange, by?: FlagActor): Promise<StoreFlagsResult>;
  /**
   * Copies, with flags, internal date and EMAILID (if the owner is the same); all or none (RFC 9051 §6.4.7). Many are committed
   * in slices, which are taken back when a later one fails.
   */
  copy(
    mailboxId: number,
    uids: ArrayLike<number>,
    toMailboxId: number,
    quota: QuotaLimits,
    by?: FlagActor,
  ): Promise<CopyResult>;
  /** Moves (RFC 6851), each message in one transaction; EMAILID stays. The result names those that were moved. */
  move(
    mailboxId: number,
    uids: ArrayLike<number>,
    toMailboxId: number,
    quota: QuotaLimits,
    by?: FlagActor,
  ): Promise<CopyResult>;
  /** Removes the \Deleted ones; only those among `uids` when given (UID EXPUNGE, RFC 4315). */
  expunge(mailboxId: number, uids?: ArrayLike<number>): Promise<ExpungeResult>;
  /**
   * UIDs expunged or moved away since a mod-sequence, ascending (QRESYNC, RFC 7162 §3.2.5). `forgotten`: the history does
   * not reach back that far, so that only what is there now can tell.
   */
  expungedSince(mailboxId: number, modSeq: number): Promise<ExpungedSince>;
  /**
   * Which of `uids` match all the given texts. Substring match over decoded text, regardless of case (RFC 9051 §6.4.4);
   * right at once for a message that has just come in.
   */
  search(mailboxId: number, uids: ArrayLike<number>, texts: readonly TextCriterion[]): Promise<number[]>;
  /** What SORT and THREAD compare, of those of `uids` that are there, in order of UID. Only what `want` names is read. */
  keys(mailboxId: number, uids: ArrayLike<number>, want: KeyWants): Promise<MessageKeys[]>;
}

export interface KeyWants {
  /** Internal date and size. */
  readonly arrival?: boolean;
  /** Subject and names. */
  readonly texts?: boolean;
  /** Message ids. */
  readonly ids?: boolean;
}

/** Texts are decoded and case-folded; empty where the header has none (RFC 5256 §3). */
export interface MessageKeys {
  readonly uid: number;
  /** RFC 5256 §2.2: of the Date field, else the internal date. */
  readonly sentAtMs: number;
  readonly internalDateMs: number;
  readonly sizeBytes: number;
  readonly texts: KeyTexts;
  /** Hash of the message's own id (8 octets as latin1); undefined when it has none. */
  readonly id: string | undefined;
  /** Hashes of what it refers to, the oldest first. */
  readonly references: readonly string[];
}

export interface KeyTexts {
  readonly baseSubject: string;
  readonly isReplyOrForward: boolean;
  /** Local part of the first address of the field (RFC 5256 §3: addr-mailbox). */
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  /** RFC 5957 §3: display name of the first address, else the address. */
  readonly displayFrom: string;
  readonly displayTo: string;
}

export interface FetchWants {
  readonly envelope?: boolean;
  readonly bodyStructure?: boolean;
  /** Raw fields of CACHED_HEADER_FIELDS. */
  readonly headerFields?: boolean;
  /**
   * Nothing beside envelope, structure and header fields is wanted: they lie together, and are read alone. Dates, size and ids of what comes
   * then say nothing.
   */
  readonly textsAlone?: boolean;
  /**
   * All octets of each message: read with the page, for BODY[] of many. `small`: only of those of up to SMALL_BODY_BYTES, in the same
   * round trip; `body` of the others is undefined.
   */
  readonly body?: boolean | 'small';
  readonly threadId?: boolean;
  /** RFC 8970. */
  readonly preview?: boolean;
  readonly pageSize?: number;
}

/** `internalDate`, `sizeBytes`, ids are always there; the rest as wanted. */
export interface FetchedMessage {
  readonly uid: number;
  readonly internalDateMs: number;
  /** RFC 8514 SAVEDATE. */
  readonly saveDateMs: number;
  readonly sizeBytes: number;
  readonly contentId: Buffer;
  /** RFC 8474 EMAILID. */
  readonly emailId: string;
  /** RFC 8474 THREADID. */
  readonly threadId: string | undefined;
  /** Parenthesised ENVELOPE, ready to send. */
  readonly envelope: Buffer | undefined;
  /** Parenthesised BODYSTRUCTURE (extensible form), ready to send. */
  readonly bodyStructure: Buffer | undefined;
  readonly headerFields: Buffer | undefined;
  readonly body: Buffer | undefined;
  /** The beginning of what a reader sees; empty when there is no text. */
  readonly preview: string | undefined;
}

/** Structure of a message: offsets into its original bytes (`partRange` of shared/message answers from `root`). */
export interface StoredStructure {
  readonly sizeBytes: number;
  /** Octets of the header with the empty line. */
  readonly headerBytes: number;
  readonly root: PartOffsets;
}

export interface AppendMessage {
  readonly content: StoredContent;
  readonly flags: FlagSet;
  readonly internalDate: Date;
}

export type AppendResult =
  | {
      readonly kind: 'appended';
      readonly uidValidity: number;
      readonly uids: readonly number[];
      readonly modSeq: number;
    }
  | { readonly kind: 'no-such-mailbox' }
  | { readonly kind: 'over-quota' }
  | { readonly kind: 'too-many-keywords' };

export interface FlagChange {
  readonly how: 'set' | 'add' | 'remove';
  readonly flags: FlagSet;
  readonly unchangedSince?: number | undefined;
}

export type StoreFlagsResult =
  | {
      readonly kind: 'stored';
      /**
       * Mod-sequences of the messages that changed, one for each slice that was committed; the mailbox's highest where
       * none did.
       */
      readonly modSeqs: readonly number[];
      /** UIDs whose flags changed. */
      readonly changed: readonly number[];
      /** UIDs left alone by UNCHANGEDSINCE. */
      readonly modified: readonly number[];
    }
  | { readonly kind: 'too-many-keywords' }
  | { readonly kind: 'no-such-mailbox' };

export type CopyResult =
  | {
      readonly kind: 'copied';
      readonly uidValidity: number;
      /** RFC 4315 COPYUID: pairs in the same order. */
      readonly sourceUids: readonly number[];
      readonly destinationUids: readonly number[];
      /** The source's new highest mod-sequence; of MOVE alone. */
      readonly sourceModSeq: number | undefined;
    }
  | { readonly kind: 'no-such-mailbox' }
  | { readonly kind: 'over-quota' };

export type ExpungeResult =
  | { readonly kind: 'expunged'; readonly uids: readonly number[]; readonly modSeq: number }
  | { readonly kind: 'no-such-mailbox' };

export type ExpungedSince =
  | { readonly kind: 'known'; readonly uids: readonly number[] }
  | { readonly kind: 'forgotten' };

export type TextCriterion =
  | { readonly kind: 'header'; readonly field: string; readonly value: string }
  | { readonly kind: 'body'; readonly value: string }
  | { readonly kind: 'text'; readonly value: string };

// ── Changes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Changes {
  /**
   * Calls `listener` after each committed change of the mailbox: at once when this process made it, within a second
   * when another did. It only wakes; what changed is learnt by SelectedMailbox.refresh(). Returns the way to stop.
   */
  watch(mailboxId: number, listener: () => void): () => void;
  /** The same for the list of mailboxes of an account, and any change in it. */
  watchAccount(accountId: number, listener: (mailboxId: number) => void): () => void;
}

// ── Settings and tokens ──────────────────────────────────────────────────────────────────────────────────────────────

/** METADATA entries that are kept as they are (RFC 5464). `mailboxId` 0 is the account. */
export interface Settings {
  read(accountId: number, mailboxId: number): Promise<StoredSetting[]>;
  /** All or none; undefined removes. */
  write(
    accountId: number,
    mailboxId: number,
    changes: readonly { readonly entry: string; readonly value: Buffer | undefined }[],
  ): Promise<void>;
}

export interface StoredSetting {
  readonly entry: string;
  readonly value: Buffer;
}

/** Tokens that stand in for a password. The store knows their hashes alone; expired ones are as good as gone. */
export interface Tokens {
  /** Replaces one of the same name. */
  put(accountId: number, token: NewToken): Promise<void>;
  list(accountId: number): Promise<KnownToken[]>;
  revoke(accountId: number, name: string): Promise<void>;
  /** By hash, in hex. */
  find(hashes: readonly Buffer[]): Promise<Map<string, KnownToken & TokenOwner>>;
}

export interface NewToken {
  readonly name: string;
  /** SHA-256 of the token. */
  readonly hash: Buffer;
  readonly certificateName: string;
  readonly scope: 'all' | 'watch';
  readonly expiresAtMs: number;
}

export interface KnownToken {
  readonly name: string;
  readonly certificateName: string;
  readonly scope: 'all' | 'watch';
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface TokenOwner {
  readonly account: StoredAccount;
}

// ── Maintenance ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** What administrators do with mail that its owner does not see: check it, and bring back what was deleted. */
export interface Maintenance {
  /** All accounts, by address. */
  accounts(): Promise<AccountSummary[]>;
  /**
   * Recounts and verifies everything, account by account under its lock, and repairs what can be repaired when told to.
   * Problems are told as they are found. Safe beside a store that works.
   */
  verify(options: VerifyOptions, onProblem: (problem: Problem) => void): Promise<VerifyReport>;
  /** Deleted mailboxes that can still be restored, the newest first. */
  deletedMailboxes(accountId: number): Promise<DeletedMailbox[]>;
  /** Expunged messages that can still be restored, the newest first; moved ones are not among them. */
  deletedMessages(accountId: number, options?: DeletedMessagesOptions): Promise<DeletedMessage[]>;
  /**
   * Brings a deleted mailbox back with all that was in it, under its name or another. It gets a new UIDVALIDITY, so that no
   * client takes it for one of the same name that came and went meanwhile.
   */
  restoreMailbox(accountId: number, mailboxId: number, name?: string): Promise<RestoreMailboxResult>;
  /**
   * Brings expunged messages back, with new UIDs, without \\Deleted, their EMAILID kept: into the mailbox named (created where
   * missing), or else the one where they were. Those that cannot be restored any more are left out of the answer.
   */
  restoreMessages(
    accountId: number,
    messages: readonly { readonly mailboxId: number; readonly uid: number }[],
    into?: string,
  ): Promise<RestoredMessage[]>;
}

export interface AccountSummary extends StoredAccount {
  readonly messages: number;
  readonly bytes: number;
  readonly createdAt: Date;
}

export interface VerifyOptions {
  readonly repair?: boolean;
  /** Read every body and compare its hash: takes as long as reading all mail. */
  readonly bodies?: boolean;
}

export interface Problem {
  /** Whose; undefined for what belongs to no account. */
  readonly address: string | undefined;
  readonly text: string;
  /** `lost`: nothing here can repair it. */
  readonly state: 'found' | 'repaired' | 'lost';
}

export interface VerifyReport {
  readonly accounts: number;
  readonly problems: number;
  readonly repaired: number;
}

export interface DeletedMailbox {
  readonly id: number;
  readonly name: string;
  readonly messages: number;
  readonly sizeBytes: number;
  readonly deletedAt: Date;
}

export interface DeletedMessagesOptions {
  /** Only from this mailbox. */
  readonly mailbox?: string | undefined;
  readonly since?: Date | undefined;
  /** Most messages of the answer; 1,000 by default. */
  readonly limit?: number | undefined;
}

export interface DeletedMessage {
  readonly mailboxId: number;
  readonly mailbox: string;
  readonly uid: number;
  readonly emailId: string;
  readonly sizeBytes: number;
  readonly internalDate: Date;
  readonly expungedAt: Date;
  /** Parenthesised ENVELOPE; undefined when it is not kept any more. */
  readonly envelope: Buffer | undefined;
}

export type RestoreMailboxResult =
  | { readonly kind: 'restored'; readonly mailbox: MailboxInfo }
  | { readonly kind: 'no-such-mailbox' }
  | { readonly kind: 'exists' }
  | { readonly kind: 'invalid-name'; readonly why: string };

export interface RestoredMessage {
  readonly from: { readonly mailboxId: number; readonly uid: number };
  readonly mailbox: string;
  readonly uid: number;
}

export interface GarbageReport {
  readonly contents: number;
  readonly expunged: number;
  readonly deliveries: number;
}

export { openMailstore } from './open.ts';
export { CommitOutcomeUnknown, isDatabaseAway } from './transaction.ts';
export type { MailboxColumns, SelectedMailbox };
