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
