import type { FlagSet } from '../flags.ts';
import type { FlagActor } from './access.ts';
import type { QuotaLimits } from './accounts.ts';
import type { ArrivedContent } from './contents.ts';
import type { FetchedMessage, FetchWants, StoredStructure } from './fetched-messages.ts';
import type { KeyWants, MessageKeys, ThreadKeys } from './message-keys.ts';

/**
 * UIDs are given in ascending order, without repetition. UIDs that do not exist (any more) are left out of answers.
 * `byUser` is the address of who removes messages: kept beside them for the audit.
 */
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
  /**
   * Appends all in one transaction (MULTIAPPEND, RFC 3502): all or none.
   *
   * @param name that the mailbox must have, for who looked it up some time ago; with another one it is no such mailbox
   */
  append(
    mailboxId: number,
    messages: readonly AppendMessage[],
    quota: QuotaLimits,
    name?: string,
  ): Promise<AppendResult>;
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
    byUser?: string,
  ): Promise<ReplaceResult>;
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
    byUser?: string,
  ): Promise<CopyResult>;
  /** Removes the \Deleted ones; only those among `uids` when given (UID EXPUNGE, RFC 4315). */
  expunge(mailboxId: number, uids?: ArrayLike<number>, byUser?: string): Promise<ExpungeResult>;
  /** Removes these messages whatever their flags (POP3's DELE), kept for undelete as expunged ones are. Many are committed in slices. */
  remove(mailboxId: number, uids: ArrayLike<number>, byUser?: string): Promise<ExpungeResult>;
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
  /** What SORT compares, of those of `uids` that are there, in order of UID. Only what `want` names is read. */
  keys(mailboxId: number, uids: ArrayLike<number>, want: KeyWants): Promise<MessageKeys[]>;
  /** What THREAD compares, of those of `uids` that are there. */
  threadKeys(mailboxId: number, uids: ArrayLike<number>): Promise<ThreadKeys>;
}

export interface AppendMessage {
  readonly content: ArrivedContent;
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

export type ReplaceResult =
  | (Extract<AppendResult, { readonly kind: 'appended' }> & {
      /** Of the mailbox that lost the message that was replaced. */
      readonly sourceModSeq: number;
    })
  | Exclude<AppendResult, { readonly kind: 'appended' }>
  | { readonly kind: 'replaced-is-gone' };

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
