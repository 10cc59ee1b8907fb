/**
 * The questions that Postern asks of a directory. The only implementation against LDAP stands beside this file;
 * nothing else may import an LDAP library. Every answer is a value, and `unknown` (the directory is away, slow,
 * partial or refuses) is never the same as `absent` (invariant 4).
 */
export interface Directory {
  /**
   * What the directory says of one address (RCPT). `address` is `local@domain`, domain in A-labels; matching ignores
   * case. Account goes before alias, alias before catch-all; an inactive or deleted entry never falls through.
   */
  lookUp(address: string): Promise<AddressAnswer>;

  /**
   * Checks a password by binding as the user (never by comparing), then whether the account is active and may use the
   * service. The three refusals look alike to the client and take about the same time; the log tells them apart.
   * An empty password is refused before LDAP is asked (RFC 4513 §5.1.2).
   */
  signIn(request: SignInRequest): Promise<SignInAnswer>;

  /** Whether an app password of the account is still there, by the name that a sign-in told. Always asked anew. */
  findAppPassword(account: Account, name: string): Promise<AppPasswordAnswer>;

  /** Whether the directory answers now: for health checks and `doctor`. */
  check(): Promise<{ readonly ok: true } | { readonly ok: false; readonly cause: string }>;

  close(): Promise<void>;
}

/** A Unix account (RFC 2307 posixAccount), for delivery by a program of its owner. */
export interface ShellAccount {
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** An account as the directory tells it. Tied to `uuid`, never to the address alone. */
export interface Account {
  /** entryUUID (objectGUID in Active Directory) as lower-case `8-4-4-4-12` text. */
  readonly uuid: string;
  /** The primary address, `local@domain`, lower-cased. */
  readonly address: string;
  readonly dn: string;
  readonly displayName?: string | undefined;
  /** Values of authorizedService; `undefined` when the entry lists none, which means the site's default services. */
  readonly services?: readonly string[] | undefined;
  /** Quota limits; undefined is "the store's default". RFC 9208 STORAGE is in bytes here. */
  readonly quotaBytes?: number | undefined;
  readonly quotaMessages?: number | undefined;
  /** Name of the store that the account lives in, when there are several. */
  readonly mailHost?: string | undefined;
  /** Set for people with a shell account, as far as the entry tells all of it. */
  readonly shell?: ShellAccount | undefined;
  /** Forwarding addresses set on the account itself. */
  readonly forwards: readonly string[];
  /** Addresses, in lower case, of accounts that may send as this one. */
  readonly delegates?: readonly string[] | undefined;
  /** The main password opens webmail and console alone, together with a code: everything else wants an app password. */
  readonly secondFactor?: boolean | undefined;
  /**
   * Another text after each change of the password, compared and never read: pwdChangedTime of a password policy, pwdLastSet in
   * Active Directory. Undefined where the directory does not tell.
   */
  readonly passwordVersion?: string | undefined;
  /** Mail goes to the forwarding addresses alone; the mailbox itself keeps no copy. */
  readonly forwardOnly?: boolean | undefined;
}

export type AddressAnswer =
  | { readonly kind: 'account'; readonly account: Account }
  /**
   * `targets` are addresses, bare names (of the site's default domain), or `@domain`: the same local part in that domain,
   * which has to be hosted here. They are not yet expanded.
   */
  | { readonly kind: 'alias'; readonly targets: readonly string[]; readonly catchAll: boolean }
  | { readonly kind: 'refused'; readonly why: AddressRefusal }
  /** Directory away, slow, partial, or refusing access: answer 451 4.4.3 and never 550. */
  | { readonly kind: 'unknown'; readonly cause: string };

/** `gone` only when the same answer shows that the place where it stood can be read (invariant 4). */
export type AppPasswordAnswer =
  | { readonly kind: 'there'; readonly services: readonly string[] }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unknown'; readonly cause: string };

/** Why an address is refused for good. `no-such-domain` means that the domain is not hosted here at all. */
export type AddressRefusal =
  | 'no-such-user'
  | 'no-such-domain'
  | 'account-inactive'
  | 'account-deleted'
  | 'alias-inactive'
  | 'domain-inactive'
  | 'domain-deleted';

/** Services that `authorizedService` names in Postern; the list is open for others (sshd, radius …). */
export type Service = 'imap' | 'pop3' | 'sieve' | 'webmail' | 'submission' | 'relay' | 'console';

export interface SignInRequest {
  readonly user: string;
  readonly password: string;
  readonly service: Service;
}

export type SignInRefusal =
  | 'bad-credentials'
  | 'inactive'
  | 'service-not-allowed'
  | 'empty-password'
  | 'app-password-wanted'
  | 'main-password-wanted';

export type SignInAnswer =
  /**
   * `appPassword`: by the app password of this name. An account with `secondFactor` that signs in to webmail or console is
   * granted what its password opens: the store asks for the code.
   */
  | { readonly kind: 'granted'; readonly account: Account; readonly appPassword?: string | undefined }
  /** The client hears one text for all of these (RFC 5530 AUTHENTICATIONFAILED). */
  | {
      readonly kind: 'refused';
      readonly why: SignInRefusal;
    }
  | { readonly kind: 'unknown'; readonly cause: string };
