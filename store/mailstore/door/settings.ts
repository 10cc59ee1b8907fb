/** METADATA entries that are kept as they are (RFC 5464). `mailboxId` 0 is the account. */
export interface Settings {
  read(accountId: number, mailboxId: number): Promise<StoredSetting[]>;
  /** All or none; undefined removes. */
  write(
    accountId: number,
    mailboxId: number,
    changes: readonly { readonly entry: string; readonly value: Buffer | undefined }[],
  ): Promise<void>;
}

export interface StoredSetting {
  readonly entry: string;
  readonly value: Buffer;
}
