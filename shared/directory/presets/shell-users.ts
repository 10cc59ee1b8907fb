import type { Filter } from 'ldapjs';
import type { LdapEntry } from '../ldap-connection.ts';
import { COMMON_ATTRIBUTES, readAccount } from './account.ts';
import { allOf, anyOf, equals, has, isA } from './entry.ts';
import type { AccountFound, AddressQuestion } from './preset.ts';

/** People with a shell account: posixAccount entries (RFC 2307) below a base of their own; the address is uid@default domain. */
export const SHELL_USER_ATTRIBUTES = [...COMMON_ATTRIBUTES, 'uid', 'quota'] as const;

export function shellUserFilter({ address, untagged }: AddressQuestion): Filter {
  const names = [address, ...(untagged === undefined ? [] : [untagged])].map(localPart);
  return allOf(equals('objectClass', 'posixAccount'), anyOf(...names.map((name) => equals('uid', name))));
}

/** Accounts that have an address among the entries of the answer. */
export function shellUsers(entries: readonly LdapEntry[], address: string): readonly AccountFound[] {
  return entries
    .filter((entry) => isA(entry, 'posixAccount') && has(entry, 'uid', localPart(address)))
    .map((entry) => readAccount(entry, { address }));
}

function localPart(address: string): string {
  return address.slice(0, address.lastIndexOf('@'));
}
