import { setTimeout as pause } from 'node:timers/promises';
import type { Account, Directory, Service } from '@postern/shared/directory/directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { signInRefused } from '@postern/shared/runtime/mail-events.ts';
import type { Mailstore, StoredAccount } from '../mailstore/mailstore.ts';
import type { SignInThrottle } from './sign-in-limits.ts';

/** Who asks to be signed in, and from where. */
export interface PasswordAttempt {
  /** Id of the session in the log. */
  readonly session: string;
  readonly service: Service;
  readonly client: string;
  /** The client signs many users in: failures are held against the account alone. */
  readonly trustedHost: boolean;
  readonly user: string;
  readonly password: string;
  /** Code of the second factor, as typed: webmail and console alone ask for one. */
  readonly code?: string | undefined;
  /** Whether the client left while it had to wait: the directory is not asked then. */
  readonly gone: () => boolean;
}

/** `refused` is one answer for every cause: which of them it was, only the log tells. */
export type PasswordAnswer =
  | {
      readonly kind: 'granted';
      readonly account: StoredAccount;
      readonly entry: Account;
      /** Name of the app password that opened it; undefined: the main password. */
      readonly appPassword: string | undefined;
    }
  | { readonly kind: 'refused' }
  /** Directory away, or an administrator has to decide first: trying again later may help. */
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'gone' };

export interface PasswordSignInParts {
  readonly directory: Directory;
  readonly mailstore: Mailstore;
  readonly throttle: SignInThrottle;
  readonly log: Log;
}

/** Checks a password with the directory, slowed down after failures, and opens the account; for every protocol alike. */
export async function signInByPassword(parts: PasswordSignInParts, attempt: PasswordAttempt): Promise<PasswordAnswer> {
  const { directory, mailstore, throttle, log } = parts;
  const { session, service, client, user, password } = attempt;
  const accountKey = `account ${user.toLowerCase()}`;
  const keys = attempt.trustedHost ? [accountKey] : [`address ${client}`, accountKey];
  const delayMs = await throttle.delayMs(keys);
  if (delayMs > 0) await pause(delayMs);
  if (attempt.gone()) return { kind: 'gone' };

  const answer = await directory.signIn({ user, password, service });
  const event = { session, service, client, user };
  if (answer.kind === 'unknown') {
    signInRefused(log, { ...event, why: `unavailable: ${answer.cause}` });
    return { kind: 'unavailable' };
  }
  const refuse = (why: string): PasswordAnswer => {
    throttle.failed(keys);
    signInRefused(log, { ...event, why });
    return { kind: 'refused' };
  };
  if (answer.kind === 'refused') return refuse(answer.why);
  const ensured = await mailstore.accounts.ensure(answer.account);
  if (ensured.kind === 'address-taken') {
    // Invariant 4: another entry owned this address before; an administrator decides.
    signInRefused(log, { ...event, why: `address taken by ${ensured.byUuid}` });
    return { kind: 'unavailable' };
  }
  const { account } = ensured;
  // Elsewhere the directory's answer has refused the main password of who has a second factor (docs/sign-in.md).
  if (answer.account.secondFactor === true && answer.appPassword === undefined) {
    const right = await mailstore.secondFactors.useCode(account.id, attempt.code ?? '', Date.now());
    if (!right) return refuse(attempt.code === undefined || attempt.code === '' ? 'no code' : 'wrong code');
  }
  throttle.succeeded(accountKey);
  if (answer.appPassword !== undefined) await mailstore.appPasswords.used(account.id, answer.appPassword);
  return { kind: 'granted', account, entry: answer.account, appPassword: answer.appPassword };
}
