import type { Filter } from 'ldapjs';
import type { Account, AddressAnswer } from '../directory.ts';
import type { LdapEntry } from '../ldap-connection.ts';

/** The address that is asked for, taken apart; all in lower case, the domain in A-labels. */
export interface AddressQuestion {
  readonly domain: string;
  /** `local@domain`. */
  readonly address: string;
  /** The address without its tag (`user+tag` → `user`), when it has one and tags are followed. */
  readonly untagged?: string | undefined;
  /** Base below which everything stands. */
  readonly baseDn: string;
}

/** What the entries of one answer say. */
export interface Reading {
  readonly answer: AddressAnswer;
  /**
   * The account that has the address, also when it is inactive or marked for deletion: a sign-in binds as it all the
   * same, so that its refusal takes as long as others.
   */
  readonly account?: Account | undefined;
}

/** How a site writes domains, accounts and aliases: the filter that finds them at once, and what the entries mean. */
export interface DirectoryPreset {
  /** Finds the domain, the account or alias, and the catch-all in one search, so that one answer shows all of it. */
  filter(question: AddressQuestion): Filter;
  readonly attributes: readonly string[];
  read(entries: readonly LdapEntry[], question: AddressQuestion): Reading;
  /** A DN below the base at which nothing stands: bound to for users that do not exist. */
  nobodyDn(baseDn: string): string;
}
