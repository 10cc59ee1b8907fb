/** METADATA entries that are kept as they are (RFC 5464). `mailboxId` 0 is the account. */
export interface Settings {
  read(accountId: number, mailboxId: number): Promise<StoredSetting[]>;
  /**
   * Marks of the values of all entries that an account has kept, of the account and of any mailbox, and of those that the owners
   * of others' mailboxes keep there for all (`/shared/…`).
   *
   * @param shared mailboxes of others
   */
  marks(accountId: number, shared: readonly MailboxOfSettings[]): Promise<SettingMark[]>;
  /** All or none. Whoever watches one of the accounts is woken. */
  write(changes: readonly SettingChange[]): Promise<void>;
  /** Keeps a value where there is none yet, whoever else does so at the same time; answers the one that is kept. */
  writeOnce(accountId: number, mailboxId: number, entry: string, value: Buffer): Promise<Buffer>;
}

export interface StoredSetting {
  readonly entry: string;
  readonly value: Buffer;
}

/** A mailbox and the account that owns it. */
export interface MailboxOfSettings {
  readonly id: number;
  readonly accountId: number;
}

export interface SettingMark {
  readonly mailboxId: number;
  readonly entry: string;
  /** SHA-256 of the value, in lower-case hexadecimal. */
  readonly sha256: string;
}

export interface SettingChange {
  /** Whose entry it is. */
  readonly accountId: number;
  /** Undefined: of the account. A change of an entry of a mailbox moves its mod-sequence (RFC 7162 §3.2). */
  readonly mailbox: MailboxOfSettings | undefined;
  readonly entry: string;
  /** Undefined removes. */
  readonly value: Buffer | undefined;
}
