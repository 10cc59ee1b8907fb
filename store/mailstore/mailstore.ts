import type { Log } from '@postern/shared/runtime/log.ts';
import type { Access } from './door/access.ts';
import type { Accounts } from './door/accounts.ts';
import type { AdministrationRecords } from './door/administration.ts';
import type { Backups } from './door/backups.ts';
import type { Changes } from './door/changes.ts';
import type { Contents } from './door/contents.ts';
import type { Deliveries } from './door/deliveries.ts';
import type { Imports } from './door/imports.ts';
import type { Mailboxes } from './door/mailboxes.ts';
import type { GarbageReport, Maintenance } from './door/maintenance.ts';
import type { Messages } from './door/messages.ts';
import type { Outgoing } from './door/outgoing.ts';
import type { Scripts } from './door/scripts.ts';
import type { Settings } from './door/settings.ts';
import type { AppPasswords, SecondFactors } from './door/sign-in-records.ts';
import type { Tokens } from './door/tokens.ts';

/**
 * The only door to mail. IMAP, POP3, LMTP, Sieve and the console come through it; behind it stands SQL, and nothing
 * outside knows a table. The interface of each part lies in `door/`. A promise that resolves means committed. Expected
 * outcomes are values; a rejection is a fault (database away, a defect), and {@link CommitOutcomeUnknown} says that
 * nobody knows whether the change happened.
 */
export interface Mailstore {
  readonly access: Access;
  readonly accounts: Accounts;
  readonly backups: Backups;
  readonly contents: Contents;
  readonly deliveries: Deliveries;
  readonly imports: Imports;
  readonly mailboxes: Mailboxes;
  readonly messages: Messages;
  readonly outgoing: Outgoing;
  readonly changes: Changes;
  readonly maintenance: Maintenance;
  readonly scripts: Scripts;
  readonly settings: Settings;
  readonly tokens: Tokens;
  readonly secondFactors: SecondFactors;
  readonly administration: AdministrationRecords;
  readonly appPasswords: AppPasswords;
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
  /** Whether bodies above 48 KiB are compressed where that pays. Default true. */
  readonly compressBodies?: boolean;
  /** Whether this process asks for leases of accounts that it is asked about often. Default false: it honours those of others. */
  readonly leaseAccounts?: boolean;
}

export { columnOf, MAILBOX_COLUMNS } from './backup-tables.ts';
export type * from './door/access.ts';
export type * from './door/accounts.ts';
export type * from './door/administration.ts';
export type * from './door/backups.ts';
export type * from './door/changes.ts';
export type * from './door/contents.ts';
export type * from './door/deliveries.ts';
export type * from './door/fetched-messages.ts';
export type * from './door/imports.ts';
export type * from './door/mailboxes.ts';
export type * from './door/maintenance.ts';
export type * from './door/message-keys.ts';
export type * from './door/messages.ts';
export type * from './door/outgoing.ts';
export type * from './door/scripts.ts';
export type * from './door/settings.ts';
export type * from './door/sign-in-records.ts';
export type * from './door/tokens.ts';
export { itemKey } from './imports.ts';
export { openMailstore } from './open.ts';
export { deliveryIdOf } from './outgoing.ts';
export type { MailboxColumns, SelectedMailbox } from './selected-mailbox.ts';
export { CommitOutcomeUnknown, isDatabaseAway } from './transaction.ts';
