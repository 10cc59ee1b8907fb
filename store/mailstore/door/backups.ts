/**
 * What backups read and write: accounts as rows of named tables, bodies in the name of their SHA-256. Ids of accounts and mailboxes are
 * kept where they are free (RFC 8474 §4.1: a mailbox that keeps its UIDVALIDITY keeps its MAILBOXID), so that an account can also be put
 * back beside others.
 */
export interface Backups {
  /** Reads one account as it is at one instant (a snapshot of its own), with every body that `sink` does not have yet. */
  read(directoryUuid: string, sink: BackupSink): Promise<'read' | 'no-such-account'>;
  /**
   * Puts an account back that is not there: UIDs, mod-sequences, history and all. Invisible until it is whole; what is broken off
   * begins anew, without the bodies that are there already.
   */
  restoreAccount(order: RestoreAccountOrder, source: BackupSource): Promise<RestoreAccountResult>;
  /**
   * Puts one mailbox of a backup into an account that lives, under a name that is free: UIDs, flags and dates as they were, a new
   * UIDVALIDITY. Invisible until it is whole; what is broken off goes on where it stopped.
   */
  restoreMailbox(order: RestoreMailboxOrder, source: BackupSource): Promise<RestoreBackedUpMailboxResult>;
  /** How many accounts are there that this snapshot has not brought. */
  strangers(snapshot: string): Promise<number>;
  /** Makes room for accounts that come one after the other, so that rights between them find both sides. */
  reserve(accounts: readonly { readonly uuid: string; readonly id: number }[]): Promise<void>;
  /** Removes what reserved places were never filled. */
  releaseReserved(directoryUuids: readonly string[]): Promise<void>;
}

/** A value of a row. Integers beyond 2^53 are text. */
export type BackupValue = string | number | null | Buffer;
export type BackupRow = readonly BackupValue[];

/** Rows of one table, columns in the order of the format. */
export interface BackupRows {
  readonly table: string;
  readonly rows: readonly BackupRow[];
}

export interface BackupSink {
  rows(piece: BackupRows): Promise<void>;
  hasBody(sha256: Buffer): Promise<boolean>;
  body(sha256: Buffer, pieces: AsyncIterable<Buffer>): Promise<void>;
  /** The database itself has lost a body (`check` says so too): the rest is backed up all the same. */
  bodyMissing(emailNo: number): void;
}

export interface BackupSource {
  /** The account's rows in the order in which they were given to the sink; anew at each call. */
  rows(): AsyncIterable<BackupRows>;
  /** Rejects when it is missing or not what its name says. */
  body(sha256: Buffer): Promise<Buffer>;
  /** Told now and then. */
  progress?(messages: number): void;
}

export interface RestoreAccountOrder {
  readonly directoryUuid: string;
  /** Name of the backup, the same when a restore is run again. */
  readonly snapshot: string;
  /** `new`: clients may have seen later mail than the backup holds, so that what they know must not count any more (RFC 9051 §2.3.1.1). */
  readonly uidValidity: 'keep' | 'new';
}

export type RestoreAccountResult =
  | { readonly kind: 'restored'; readonly messages: number }
  /** By an earlier run of the same restore. */
  | { readonly kind: 'was-restored' }
  | { readonly kind: 'account-exists' }
  | { readonly kind: 'address-taken' };

export interface RestoreMailboxOrder {
  readonly accountId: number;
  /** Whose mailbox of the backup it is. */
  readonly directoryUuid: string;
  readonly snapshot: string;
  /** Name in the backup. */
  readonly mailbox: string;
  readonly into: string;
}

export type RestoreBackedUpMailboxResult =
  | { readonly kind: 'restored'; readonly messages: number }
  | { readonly kind: 'was-restored' }
  | { readonly kind: 'no-such-mailbox' }
  | { readonly kind: 'exists' }
  | { readonly kind: 'invalid-name'; readonly why: string };
