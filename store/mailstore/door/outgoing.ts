import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import type { Reply } from '@postern/shared/smtp/reply.ts';
import type { StoredAccount } from './accounts.ts';
import type { ArrivedContent } from './contents.ts';
import type { RememberedKey } from './deliveries.ts';

/**
 * The hub's queue: what is to leave an account, or came from it. A message is one row, drained by any store node; what became of
 * each recipient stands beside it. Compare-and-set throughout: a worker that lost its claim changes nothing.
 */
export interface Outgoing {
  /**
   * Takes a message for sending. Committed when it resolves (invariant 1). The same `key` again is `known`, and nothing is done;
   * `over-limit` when the sender has sent more than allowed, counted exactly for all processes.
   */
  submit(submission: NewSubmission): Promise<SubmitResult>;
  /**
   * Claims messages that are due, the longest waiting first; each is the claimant's own for `leaseMs`, unless renewed. Claims whose
   * lease has run out are due again: their worker has died. Due times and leases run by the database's clock, the one that all
   * processes share; when it was put back, whatever waited for the time before is due at once, but for what has a release time to come.
   *
   * @param claimant unique to this call's process; at most 64 characters of ASCII
   * @param longestPauseMs what is put off for longer than any pause was put off by a clock that was wrong
   */
  claimDue(most: number, claimant: string, leaseMs: number, longestPauseMs?: number): Promise<ClaimedOutgoing[]>;
  /** Keeps claims for `leaseMs` from now. Answers the ids of those that are still the claimant's. */
  renew(ids: readonly string[], claimant: string, leaseMs: number): Promise<string[]>;
  /**
   * Writes down where recipients go, before anything is sent, so that every later try says the same (frozen). `causes` are DSNs
   * about aliases that were expanded by it.
   */
  route(
    id: string,
    claimant: string,
    routes: readonly RoutedRecipient[],
    causes?: readonly OutgoingMessage[],
  ): Promise<ClaimOutcome>;
  /**
   * Writes down what became of recipients, and commits what that causes (DSNs) with it. Recipients that are settled already are
   * left alone, and `causes` with them when none is left. The message is done when no recipient is pending.
   */
  settle(id: string, claimant: string, settlement: Settlement): Promise<ClaimOutcome>;
  /** Ends the claim; what is pending is due again after a pause. */
  defer(id: string, claimant: string, pauseMs: number): Promise<ClaimOutcome>;

  /** Undo by the sender (Outbox, FUTURERELEASE): only what no worker has touched yet. */
  undo(accountId: number, id: string): Promise<'cancelled' | 'too-late' | 'no-such-message'>;
  /** The submission that an account made under this client id. */
  findSubmission(accountId: number, clientId: string): Promise<OutgoingDetails | undefined>;
  submissions(accountId: number): Promise<OutgoingDetails[]>;

  // For administrators: console and command line.

  /** The oldest first. */
  list(filter?: OutgoingFilter): Promise<OutgoingSummary[]>;
  show(id: string): Promise<OutgoingDetails | undefined>;
  /** `hold` keeps it from being tried, `release` undoes that, `retry` makes it due now, `cancel` ends it without a DSN. */
  administer(id: string, action: OutgoingAction): Promise<AdministerResult>;
  counts(): Promise<OutgoingCounts>;
}

/** Why a message is sent. */
export type OutgoingCause = 'submission' | 'redirect' | 'vacation' | 'reject' | 'notify' | 'dsn';

/** A message to be sent, with its envelope. */
export interface OutgoingMessage {
  readonly cause: OutgoingCause;
  /** `''` is the null reverse-path: of replies of robots and of DSNs. */
  readonly reversePath: string;
  /** With NOTIFY and ORCPT, if they were given (RFC 3461). Not expanded: aliases are followed when it is sent. */
  readonly recipients: readonly EnvelopeRecipient[];
  /** The message without Return-Path. Only what a delivery causes may come unwritten: it is written with the delivery. */
  readonly content: ArrivedContent;
  /** RFC 6152; `8BITMIME` by default, as the bytes were not looked at. */
  readonly body?: '7BIT' | '8BITMIME' | undefined;
  readonly smtpUtf8?: boolean | undefined;
  readonly requireTls?: boolean | undefined;
  /** RFC 3461 §4.3. */
  readonly ret?: 'FULL' | 'HDRS' | undefined;
  /** RFC 3461 §4.4, decoded. */
  readonly envid?: string | undefined;
  /** Not before then (RFC 4865). */
  readonly releaseAt?: Date | undefined;
  /**
   * Whether the reverse-path is known to be the sender's own, so that a failure may be told there (invariant 3); default: it is for all
   * but redirects. When not, the account that caused it gets the DSN.
   */
  readonly senderIsKnown?: boolean | undefined;
  /** Of a delivery's consequences: it goes only if this key is not remembered; and from then on it is. */
  readonly once?: RememberedKey | undefined;
}

export interface NewSubmission {
  /** Makes a repetition harmless: 32 lower-case hex digits, the delivery id of the transaction. */
  readonly id: string;
  /** Who sends; undefined for a server of a named network. */
  readonly account?: StoredAccount | undefined;
  /** Name that the client gave to it (Outbox); unique in the account. */
  readonly clientId?: string | undefined;
  /** Where the client's message lies (Outbox). */
  readonly source?: SubmissionSource | undefined;
  readonly message: OutgoingMessage;
  /** Counted against `limits` under this name, e.g. `account/12`. */
  readonly countedAs: string;
  readonly limits: SendingLimits;
}

export interface SubmissionSource {
  readonly mailboxId: number;
  readonly uidValidity: number;
  readonly uid: number;
}

/** 0 is no limit. */
export interface SendingLimits {
  readonly messagesPerDay: number;
  readonly recipientsPerDay: number;
  readonly messagesPerMinute: number;
}

export type SubmitResult =
  | { readonly kind: 'taken' }
  /** This id, or this client id, was taken before. */
  | { readonly kind: 'known'; readonly id: string }
  | { readonly kind: 'over-limit'; readonly limit: keyof SendingLimits };

export type OutgoingState = 'pending' | 'claimed' | 'held' | 'done' | 'cancelled';

/** `relayed`: the gateway has it. `expanded`: others stand in its place. */
export type RecipientState = 'pending' | 'delivered' | 'relayed' | 'expanded' | 'failed' | 'cancelled';

export interface OutgoingRecipient extends EnvelopeRecipient {
  /** Number within the message. */
  readonly n: number;
  readonly state: RecipientState;
  /** Undefined as long as nobody has looked where it goes. */
  readonly route: RecipientRoute | undefined;
  readonly reply: Reply | undefined;
  readonly delayWarned: boolean;
}

export type RecipientRoute =
  | { readonly kind: 'local' }
  /** An account of another store of the house, by the store's name. */
  | { readonly kind: 'store'; readonly store: string }
  /** Recipients of a group go in one transaction, and are settled together. */
  | { readonly kind: 'relay'; readonly group: number };

/** What a recipient comes to: itself (or the one target of an alias), or others in its place. */
export interface RoutedRecipient {
  readonly n: number;
  /** It is marked as expanded, and what it becomes are recipients beside it. */
  readonly expanded: boolean;
  readonly becomes: readonly { readonly recipient: EnvelopeRecipient; readonly route: RecipientRoute }[];
}

/** A message in the hands of one worker. */
export interface ClaimedOutgoing extends OutgoingSummary {
  readonly message: Omit<OutgoingMessage, 'content' | 'recipients' | 'releaseAt' | 'once'>;
  readonly contentId: Buffer;
  readonly contentBytes: number;
  readonly account: StoredAccount | undefined;
  readonly source: SubmissionSource | undefined;
  readonly recipients: readonly OutgoingRecipient[];
}

export interface Settlement {
  readonly recipients: readonly {
    readonly n: number;
    /** `pending`: the reply of a try that is to be repeated. */
    readonly state: RecipientState;
    readonly reply: Reply;
    /** A delay warning goes out with this settlement. */
    readonly delayWarned?: boolean | undefined;
  }[];
  readonly causes: readonly OutgoingMessage[];
}

export type ClaimOutcome = 'done' | 'claim-lost';

export interface OutgoingFilter {
  readonly states?: readonly OutgoingState[] | undefined;
  /** Address of the account that caused it. */
  readonly account?: string | undefined;
  /** Most of the answer; 1,000 by default. */
  readonly limit?: number | undefined;
}

export interface OutgoingSummary {
  readonly id: string;
  readonly cause: OutgoingCause;
  readonly state: OutgoingState;
  readonly reversePath: string;
  /** Address of the account that caused it. */
  readonly accountAddress: string | undefined;
  readonly createdAt: Date;
  readonly releaseAt: Date;
  readonly nextTryAt: Date;
  /** Claims so far. */
  readonly attempts: number;
}

export interface OutgoingDetails extends OutgoingSummary {
  readonly clientId: string | undefined;
  readonly source: SubmissionSource | undefined;
  readonly recipients: readonly OutgoingRecipient[];
  readonly finishedAt: Date | undefined;
}

export type OutgoingAction = 'hold' | 'release' | 'retry' | 'cancel';

/** `busy`: a worker has it just now; ask again. */
export type AdministerResult = 'done' | 'busy' | 'finished' | 'no-such-message';

/** Messages by state, and how long the oldest that is due has waited. */
export interface OutgoingCounts {
  readonly pending: number;
  readonly claimed: number;
  readonly held: number;
  readonly oldestDueMs: number;
}
