import type { StoredAccount } from './accounts.ts';
import type { MailboxInfo } from './mailboxes.ts';

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
  /** Address of who removed it; undefined where that is not known. */
  readonly expungedBy: string | undefined;
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
