import { readJsonObject, type SettingEntry } from './entry.ts';

/** What a token may do: everything of the account, or counts and no content. */
export type TokenScope = 'all' | 'watch';

/** What a webmail host asks for. The host keeps the token; the store learns its hash alone, so that a retry is harmless. */
export interface TokenRequest {
  /** SHA-256 of the token, 64 hex digits. */
  readonly sha256: string;
  readonly scope: TokenScope;
  readonly lifetimeMs: number;
}

/** Thirty days. */
export const MAX_TOKEN_LIFETIME_MS = 2_592_000_000;

/** Undefined when the value asks for no token. */
export function readTokenRequest(value: Buffer): TokenRequest | undefined {
  const { sha256, scope, lifetimeMs } = readJsonObject(value) ?? {};
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  if (scope !== 'all' && scope !== 'watch') return undefined;
  if (typeof lifetimeMs !== 'number' || !(lifetimeMs >= 1 && lifetimeMs <= MAX_TOKEN_LIFETIME_MS)) return undefined;
  return { sha256, scope, lifetimeMs: Math.floor(lifetimeMs) };
}

/** A token for the account, under a name of the host's choice; NIL revokes it. Reading tells scope and times. */
export const token: SettingEntry = {
  name: '/private/vendor/postern/token/*',
  of: 'server',
  writable: true,
  scope: 'all',
  freshSignInMs: 300_000,
  maxBytes: 1024,
  check: (value) => (readTokenRequest(value) === undefined ? 'not a request for a token' : undefined),
};
