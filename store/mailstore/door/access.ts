import type { GrantedRights, Rights } from '../access-rights.ts';
import type { MailboxInfo } from './mailboxes.ts';

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
