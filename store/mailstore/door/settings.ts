/** METADATA entries that are kept as they are (RFC 5464). `mailboxId` 0 is the account. */
export interface Settings {
  read(accountId: number, mailboxId: number): Promise<StoredSetting[]>;
  /** All or none; undefined removes. */
  write(
    accountId: number,
    mailboxId: number,
    changes: readonly { readonly entry: string; readonly value: Buffer | undefined }[],
  ): Promise<void>;
  /** Keeps a value where there is none yet, whoever else does so at the same time; answers the one that is kept. */
  writeOnce(accountId: number, mailboxId: number, entry: string, value: Buffer): Promise<Buffer>;
}

export interface StoredSetting {
  readonly entry: string;
  readonly value: Buffer;
}
