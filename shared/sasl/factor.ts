import { type PlainCredentials, readPlainParts } from './plain.ts';

/** Name of the mechanism (RFC 4422 §3.1); offered to webmail hosts alone (docs/sign-in.md). */
export const FACTOR_MECHANISM = 'X-POSTERN-FACTOR';

export interface FactorCredentials extends PlainCredentials {
  /** Code of the second factor as typed; empty when none was given. */
  readonly code: string;
}

/** PLAIN (RFC 4616 §2) with one more field: `[authzid] NUL authcid NUL passwd NUL [code]`. Undefined when it is anything else. */
export function parseFactor(base64: string): FactorCredentials | undefined {
  const parts = readPlainParts(base64);
  const [authorizationId, user, password, code] = parts ?? [];
  if (parts?.length !== 4 || authorizationId === undefined || user === undefined || user === '') return undefined;
  return password === undefined || code === undefined ? undefined : { authorizationId, user, password, code };
}

/** What a webmail host sends. Throws when a field contains NUL. */
export function formatFactor({ authorizationId, user, password, code }: FactorCredentials): string {
  const parts = [authorizationId, user, password, code];
  if (parts.some((part) => part.includes('\0'))) throw new Error('a field contains NUL');
  return Buffer.from(parts.join('\0')).toString('base64');
}
