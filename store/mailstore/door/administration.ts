/** What administration keeps beside the directory: its log, deletions that can be undone, tokens of the HTTP API. */
export interface AdministrationRecords {
  log(entry: NewLogEntry): Promise<void>;
  /** Newest first; `domains` undefined is all of them. */
  readLog(question: LogQuestion): Promise<LogEntry[]>;
  markDeleted(deletion: Deletion): Promise<void>;
  /** By the UUID of the entry. */
  findDeletion(directoryUuid: string): Promise<Deletion | undefined>;
  forgetDeletion(directoryUuid: string): Promise<void>;
  putToken(token: ApiTokenRecord): Promise<void>;
  findToken(hash: Buffer): Promise<ApiTokenRecord | undefined>;
  listTokens(): Promise<ApiTokenRecord[]>;
  removeToken(id: string): Promise<void>;
  tokenUsed(id: string): Promise<void>;
  /**
   * Removes the account of an entry with all its mail, for good; undefined when there is none. A new account of the same
   * address sees nothing of it.
   */
  purge(directoryUuid: string): Promise<Purged | undefined>;
}

/** One attribute, before and after; secrets are told as changed, never as they are. */
export interface Difference {
  readonly what: string;
  readonly from: string;
  readonly to: string;
}

export interface NewLogEntry {
  readonly actor: string;
  readonly via: 'console' | 'api' | 'cli';
  readonly client: string;
  readonly action: string;
  /** The domain that it concerns; empty for the whole site. */
  readonly domain: string;
  readonly target: string;
  readonly differences: readonly Difference[];
}

export interface LogEntry extends NewLogEntry {
  readonly id: number;
  readonly atMs: number;
}

export interface LogQuestion {
  readonly domains: readonly string[] | undefined;
  /** Entries older than this one. */
  readonly beforeId?: number | undefined;
  readonly target?: string | undefined;
  readonly limit: number;
}

/** An account or domain that is marked for deletion; its grace period ends at `purgeAfterMs`. */
export interface Deletion {
  readonly address: string;
  readonly domain: string;
  readonly kind: 'account' | 'domain';
  readonly directoryUuid: string;
  readonly actor: string;
  readonly deletedAtMs: number;
  readonly purgeAfterMs: number;
}

export interface ApiTokenRecord {
  readonly id: string;
  readonly hash: Buffer;
  readonly label: string;
  /** Entry of the directory that the token acts as. */
  readonly dn: string;
  /** Its password, sealed by the token itself. */
  readonly sealedPassword: Buffer;
  readonly domains: readonly string[];
  readonly actions: readonly string[];
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly lastUsedAtMs: number | undefined;
}

/** What a purge removed. */
export interface Purged {
  readonly mailboxes: number;
  readonly messages: number;
  readonly bytes: number;
}
