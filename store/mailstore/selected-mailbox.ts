import type { FlagSet } from './flags.ts';

/**
 * Messages of a mailbox as columns, in ascending order of UID; entries from 0 to `count - 1` are valid. They are shared
 * by all sessions of the process: read them, keep no reference across an `await`, never write.
 */
export interface MailboxColumns {
  readonly count: number;
  readonly uids: Uint32Array;
  /** System flags, bits of SYSTEM_FLAG_BITS. */
  readonly flags: Uint16Array;
  readonly modSeqs: Float64Array;
  /** Keywords as bits: equal ones mean the same keywords, but where `keywordsHigh` is not 0. Undefined while no message has any. */
  readonly keywordsLow: Uint32Array | undefined;
  readonly keywordsHigh: Uint32Array | undefined;
}

/** What a session has to tell its client. Apply in this order: expunged, exists, flags. */
export interface SessionChanges {
  /** Sequence numbers to send as EXPUNGE, in this order: descending, so each is right when it is sent. */
  readonly expungedSequence: readonly number[];
  /** UIDs of the same, ascending: for VANISHED. */
  readonly expungedUids: readonly number[];
  /** The new EXISTS, when messages came; else undefined. */
  readonly exists: number | undefined;
  /** Sequence numbers (after the expunges) of known messages whose flags changed, ascending. */
  readonly flagsSequence: readonly number[];
  /** New keywords were defined: send FLAGS again. */
  readonly keywordsChanged: boolean;
}

/**
 * One session's sight of a mailbox. Sequence numbers stay as they are until `take()` says otherwise, whatever others
 * do; flags are always the newest. The memory behind it is shared with the other sessions of the process.
 */
export interface SelectedMailbox {
  readonly mailboxId: number;
  readonly accountId: number;
  /** Whether it is another account's than that of the session (OpenOptions.seenOf). */
  readonly foreign: boolean;
  readonly uidValidity: number;
  /** Number of messages as the client knows it. */
  readonly exists: number;
  /** Columns of the messages that the client knows; `count` is `exists`. */
  readonly columns: MailboxColumns;
  /** UIDNEXT and HIGHESTMODSEQ of the state that was read last. */
  readonly uidNext: number;
  readonly highestModSeq: number;
  /**
   * The mod-sequence up to which the client was told everything, expunges included: what it may keep as HIGHESTMODSEQ
   * (RFC 7162 §6). Lower than what it saw of flags while expunges wait to be told.
   */
  readonly toldModSeq: number;
  /** Whether messages were expunged that `take()` has not been allowed to report yet. */
  readonly expungesPending: boolean;
  /** Messages with this UID and above are \Recent in this session; Infinity when it claims none. */
  readonly recentFromUid: number;

  /** UID at a sequence number (from 1); undefined outside. */
  uidAt(sequence: number): number | undefined;
  /** Sequence number of a UID; 0 when the client knows no such message. */
  sequenceOf(uid: number): number;
  /** Whether it was expunged, as far as this process has heard, though the client may not have been told yet. */
  isGone(uid: number): boolean;
  /** Sequence number of the first known message with this UID or above; `exists + 1` when there is none. */
  firstSequenceFrom(uid: number): number;
  /** Keywords of the message at a sequence number. */
  keywordsAt(sequence: number): readonly string[];
  /** Flags of the message at a sequence number, \Recent aside. */
  flagsAt(sequence: number): FlagSet;
  /** All keywords defined in the mailbox. */
  keywords(): readonly string[];
  /** Whether any message has a keyword: FETCH FLAGS can take the short way if not. */
  readonly hasKeywords: boolean;

  /** Catches up with the database, as far as others committed. Cheap when nothing changed. `gone`: it was deleted. */
  refresh(): Promise<'current' | 'gone'>;
  /** Whether `take()` would say anything, or move what the client was told. */
  readonly hasChanges: boolean;
  /**
   * What the client has to be told since the last time, without asking the database (call refresh() before, where
   * the newest is wanted). Expunges are reported (and sequence numbers move) only when `expunges` allows: never during
   * FETCH, STORE, SEARCH without UID (RFC 9051 §7.5.1).
   */
  take(options: { readonly expunges: boolean }): SessionChanges;
  /**
   * A change of this session's own, made with this mod-sequence (StoreFlagsResult): `take()` will not report its flags.
   * Expunges and new messages are reported all the same.
   */
  ignoreFlagsOf(modSeq: number): void;
  /** Takes the \Recent marks of messages that came since. */
  claimRecent(): Promise<void>;
  close(): void;
}
