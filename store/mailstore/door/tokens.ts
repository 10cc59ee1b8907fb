import type { StoredAccount } from './accounts.ts';

/** Tokens that stand in for a password. The store knows their hashes alone; expired ones are as good as gone. */
export interface Tokens {
  /** Replaces one of the same name. */
  put(accountId: number, token: NewToken): Promise<void>;
  list(accountId: number): Promise<KnownToken[]>;
  revoke(accountId: number, name: string): Promise<void>;
  /** By hash, in hex. */
  find(hashes: readonly Buffer[]): Promise<Map<string, KnownToken & TokenOwner>>;
}

export interface NewToken {
  readonly name: string;
  /** SHA-256 of the token. */
  readonly hash: Buffer;
  readonly certificateName: string;
  readonly scope: 'all' | 'watch';
  readonly expiresAtMs: number;
  /** {@link Account.passwordVersion} of the sign-in that asked for it. */
  readonly passwordVersion: string | undefined;
}

export interface KnownToken {
  readonly name: string;
  readonly certificateName: string;
  readonly scope: 'all' | 'watch';
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface TokenOwner {
  readonly account: StoredAccount;
  readonly passwordVersion: string | undefined;
}
