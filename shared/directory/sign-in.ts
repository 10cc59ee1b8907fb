import { appPasswordName } from '../sign-in/app-password.ts';
import { preparedText } from '../sign-in/prepared-text.ts';
import type { Account, Service, SignInAnswer, SignInRequest } from './directory.ts';
import { LdapFault } from './ldap-connection.ts';
import type { LdapPool } from './ldap-pool.ts';
import type { Reading } from './presets/preset.ts';

/** Result codes of a bind (RFC 4511 Appendix A.2) that mean: not this password. */
const WRONG_PASSWORD: ReadonlySet<number> = new Set([
  49, // invalidCredentials
  48, // inappropriateAuthentication: the entry has no password
  32, // noSuchObject, of servers that tell it
]);

/** Where the main password works beside a second factor, and app passwords do not: docs/sign-in.md. */
export const ASKS_FOR_FACTOR: ReadonlySet<Service> = new Set(['webmail', 'console']);

/** Whether a password is that of a Unix account of this host; `unknown` when nobody can tell now. */
export type ShellPasswordAnswer = 'right' | 'wrong' | { readonly unknown: string };
export type ShellPasswords = (user: string, password: string) => Promise<ShellPasswordAnswer>;

/** The console acts in the directory as who signs in, which a password that the directory does not know opens nothing of. */
const NEEDS_A_BIND: ReadonlySet<Service> = new Set(['console']);

/** What a sign-in needs to know and to do. */
export interface SignInParts {
  /** Finds the account of an address, exactly: no alias, no tag, no catch-all. */
  readonly find: (user: string) => Promise<Reading>;
  /** Connections that are bound as users, apart from those that look addresses up. */
  readonly binds: LdapPool;
  /** A DN at which nothing stands. */
  readonly nobodyDn: string;
  readonly defaultServices: readonly string[];
  /** Judges the main password of people with a shell account; undefined: the directory does, as for everybody. */
  readonly shellPasswords?: ShellPasswords | undefined;
  /** DN of an account's app password. */
  readonly appPasswordDn: (account: Account, name: string) => string;
  /** Services that the entry of an app password lists; throws {@link LdapFault} when it cannot be read. */
  readonly appPasswordServices: (dn: string) => Promise<readonly string[]>;
}

/**
 * Checks a password by binding as the user, or as the app password that it names. Every refusal but that of an empty
 * password costs one search and one bind, so that the time tells nothing; what the account may do is judged only after
 * its password was right.
 */
export async function signIn(request: SignInRequest, parts: SignInParts): Promise<SignInAnswer> {
  // RFC 4513 §5.1.2: without a password a simple bind is anonymous, and would succeed.
  if (request.password === '') return { kind: 'refused', why: 'empty-password' };
  // RFC 4616 §2, RFC 6856 §2.2: prepared; what cannot be is nobody's.
  const user = preparedText(request.user);
  const password = preparedText(request.password);
  const found = await parts.find(user ?? '');
  const { answer } = found;
  if (answer.kind === 'unknown') return answer;
  const account = password === undefined ? undefined : found.account;
  const appPassword = appPasswordName(password ?? '');
  const dn = dnToBind(account, appPassword, parts);
  try {
    const shell = appPassword === undefined ? account?.shell : undefined;
    const byShell = shell === undefined ? undefined : await parts.shellPasswords?.(shell.user, password ?? '');
    if (typeof byShell === 'object') return { kind: 'unknown', cause: byShell.unknown };
    if (byShell === 'wrong') return { kind: 'refused', why: 'bad-credentials' };
    if (byShell === 'right' && NEEDS_A_BIND.has(request.service))
      return { kind: 'refused', why: 'service-not-allowed' };
    const code =
      byShell === 'right'
        ? 0
        : await parts.binds.use((connection, timeoutMs) => connection.bind(dn, password ?? '?', timeoutMs));
    if (account === undefined || WRONG_PASSWORD.has(code)) return { kind: 'refused', why: 'bad-credentials' };
    if (code !== 0) return { kind: 'unknown', cause: `the bind as ${dn} ended with result code ${code}` };
    if (answer.kind !== 'account') return { kind: 'refused', why: 'inactive' };
    if (!mayUse(account.services ?? parts.defaultServices, request.service)) {
      return { kind: 'refused', why: 'service-not-allowed' };
    }
    const asksForFactor = ASKS_FOR_FACTOR.has(request.service);
    if (appPassword === undefined) {
      const wanted = account.secondFactor === true && !asksForFactor;
      return wanted ? { kind: 'refused', why: 'app-password-wanted' } : { kind: 'granted', account };
    }
    if (asksForFactor) return { kind: 'refused', why: 'main-password-wanted' };
    const services = await parts.appPasswordServices(dn);
    if (!mayUse(services, request.service)) return { kind: 'refused', why: 'service-not-allowed' };
    return { kind: 'granted', account, appPassword };
  } catch (error) {
    if (error instanceof LdapFault) return { kind: 'unknown', cause: error.message };
    throw error;
  }
}

function dnToBind(account: Account | undefined, appPassword: string | undefined, parts: SignInParts): string {
  if (account === undefined) return parts.nobodyDn;
  return appPassword === undefined ? account.dn : parts.appPasswordDn(account, appPassword);
}

function mayUse(services: readonly string[], service: string): boolean {
  return services.some((allowed) => allowed.toLowerCase() === service);
}
