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
  /** Whether the domain is the site's default domain, to which bare names belong. */
  readonly isDefaultDomain: boolean;
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

/** The entry is there and does not tell what it must: the answer is "don't know" (invariant 4). */
export interface Unreadable {
  readonly unreadable: string;
}

export type DomainFound = 'hosted' | 'not-hosted' | 'inactive' | 'deleted' | Unreadable;

export type AccountFound =
  | { readonly account: Account; readonly state: 'active' | 'inactive' | 'deleted' }
  | Unreadable;

/** Targets as in {@link AddressAnswer}; of a group, its members are added ({@link DirectoryPreset.members}). */
export type AliasFound =
  | { readonly targets: readonly string[]; readonly active: boolean; readonly groupDn?: string | undefined }
  | Unreadable;

/** What one answer holds, read by a preset; what follows from it is decided in one place for all presets. */
export interface AddressFacts {
  readonly domain: DomainFound;
  /** Entries that have exactly this address (lower case). */
  accounts(address: string): readonly AccountFound[];
  aliases(address: string): readonly AliasFound[];
  /** Where mail for addresses of the domain goes that nobody has. */
  readonly catchAll: readonly AliasFound[];
}

/** How a site writes domains, accounts and aliases: the filter that finds them at once, and what the entries mean. */
export interface DirectoryPreset {
  /** Finds the domain, the account or alias, and the catch-all in one search, so that one answer shows all of it. */
  filter(question: AddressQuestion): Filter;
  readonly attributes: readonly string[];
  read(entries: readonly LdapEntry[], question: AddressQuestion): AddressFacts;
  /** Matches the entry at a DN, for servers that know no entryDN (RFC 5020). */
  entryAt?(dn: string): Filter;
  /** Matches the members of a group, and reads the address of one; where aliases can be groups. */
  readonly members?: { filter(groupDn: string): Filter; address(entry: LdapEntry): string | undefined } | undefined;
  /** A DN below the base at which nothing stands: bound to for users that do not exist. */
  nobodyDn(baseDn: string): string;
}
