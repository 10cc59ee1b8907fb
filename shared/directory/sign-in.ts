import type { Account, SignInAnswer, SignInRequest } from './directory.ts';
import { LdapFault } from './ldap-connection.ts';
import type { LdapPool } from './ldap-pool.ts';
import type { Reading } from './presets/preset.ts';

/** Result codes of a bind (RFC 4511 Appendix A.2) that mean: not this password. */
const WRONG_PASSWORD: ReadonlySet<number> = new Set([
  49, // invalidCredentials
  48, // inappropriateAuthentication: the entry has no password
  32, // noSuchObject, of servers that tell it
]);

/** What a sign-in needs to know and to do. */
export interface SignInParts {
  /** Finds the account of an address, exactly: no alias, no tag, no catch-all. */
  readonly find: (user: string) => Promise<Reading>;
  /** Connections that are bound as users, apart from those that look addresses up. */
  readonly binds: LdapPool;
  /** A DN at which nothing stands. */
  readonly nobodyDn: string;
  readonly defaultServices: readonly string[];
}

/**
 * Checks a password by binding as the user. Every refusal but that of an empty password costs one search and one bind,
 * so that the time tells nothing; what the account may do is judged only after its password was right.
 */
export async function signIn(request: SignInRequest, parts: SignInParts): Promise<SignInAnswer> {
  // RFC 4513 §5.1.2: without a password a simple bind is anonymous, and would succeed.
  if (request.password === '') return { kind: 'refused', why: 'empty-password' };
  const { answer, account } = await parts.find(request.user);
  if (answer.kind === 'unknown') return answer;
  let code: number;
  try {
    const dn = account?.dn ?? parts.nobodyDn;
    code = await parts.binds.use((connection, timeoutMs) => connection.bind(dn, request.password, timeoutMs));
  } catch (error) {
    if (error instanceof LdapFault) return { kind: 'unknown', cause: error.message };
    throw error;
  }
  if (account === undefined || WRONG_PASSWORD.has(code)) return { kind: 'refused', why: 'bad-credentials' };
  if (code !== 0) return { kind: 'unknown', cause: `the bind as ${account.dn} ended with result code ${code}` };
  if (answer.kind !== 'account') return { kind: 'refused', why: 'inactive' };
  if (!mayUse(account, request.service, parts.defaultServices)) return { kind: 'refused', why: 'service-not-allowed' };
  return { kind: 'granted', account };
}

function mayUse(account: Account, service: string, defaultServices: readonly string[]): boolean {
  return (account.services ?? defaultServices).some((allowed) => allowed.toLowerCase() === service);
}
