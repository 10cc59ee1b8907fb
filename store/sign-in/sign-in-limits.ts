import { AccountSessions } from './account-sessions.ts';
import { LoginThrottle } from './login-throttle.ts';

type Awaitable<T> = T | Promise<T>;

/** Slows down those who guess passwords; {@link LoginThrottle} says how. */
export interface SignInThrottle {
  /** Milliseconds to wait before the answer to the next attempt. */
  delayMs(keys: readonly string[]): Awaitable<number>;
  failed(keys: readonly string[]): void;
  succeeded(key: string): void;
}

/** Sessions of each account in one service. */
export interface SessionCounts {
  /** Counts one more; false when the account has too many. */
  admit(accountId: number): Awaitable<boolean>;
  dismiss(accountId: number): void;
}

/** What holds for all services and all workers of a host together: whichever of them a client meets, a limit is the same limit. */
export interface SignInLimits {
  readonly throttle: SignInThrottle;
  /** @param max most sessions of one account in this service */
  sessionCounts(service: string, max: number): SessionCounts;
}

/** Those of a process that has no others beside it. */
export class OwnLimits implements SignInLimits {
  readonly throttle: LoginThrottle = new LoginThrottle();

  sessionCounts(_service: string, max: number): AccountSessions {
    return new AccountSessions(max);
  }
}
