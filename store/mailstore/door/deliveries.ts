import type { Reply } from '@postern/shared/smtp/reply.ts';
import type { FlagSet } from '../flags.ts';
import type { QuotaLimits, StoredAccount } from './accounts.ts';
import type { ArrivedContent } from './contents.ts';
import type { SpecialUse } from './mailboxes.ts';
import type { OutgoingMessage } from './outgoing.ts';

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
  /** What the account's rules decided by; undefined: they were not asked. */
  readonly rules?: DeliveryRules | undefined;
}

/** What is checked, and committed, with a delivery that rules have decided about. */
export interface DeliveryRules {
  /** Of the account's rules when they were read. Others by now: `rules-changed`, and nothing was done. */
  readonly version: number;
  /** Committed with the delivery. */
  readonly remember: readonly RememberedKey[];
  /** A message of ours for the INBOX, beside the one delivered; left out when its key is remembered. */
  readonly notice?: { readonly content: ArrivedContent; readonly once: RememberedKey } | undefined;
  /** The account's last error of a script, as its METADATA entry will tell it. */
  readonly error?: Buffer | undefined;
}

/** A key that the account remembers until a moment (table `sieve_memory`). */
export interface RememberedKey {
  /** 32 octets. */
  readonly key: Buffer;
  readonly untilMs: number;
  /** The decision rests on its being new: if it is remembered by now, `rules-changed`, and nothing was done. */
  readonly mustBeNew?: boolean | undefined;
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
  /** The account's rules, or what they rest on, changed since they were asked: ask them again. Nothing was done. */
  | { readonly kind: 'rules-changed' }
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
