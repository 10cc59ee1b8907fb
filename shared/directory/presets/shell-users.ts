import type { Filter } from 'ldapjs';
import type { ShellAccount } from '../directory.ts';
import type { LdapEntry } from '../ldap-connection.ts';
import { COMMON_ATTRIBUTES, readAccount } from './account.ts';
import { allOf, anyOf, equals, first, has, isA } from './entry.ts';
import type { AccountFound, AddressQuestion } from './preset.ts';

/** People with a shell account: posixAccount entries (RFC 2307) below a base of their own; the address is uid@default domain. */
export const SHELL_USER_ATTRIBUTES = [
  ...COMMON_ATTRIBUTES,
  'uid',
  'quota',
  'uidNumber',
  'gidNumber',
  'homeDirectory',
] as const;

export function shellUserFilter({ address, untagged }: AddressQuestion): Filter {
  const names = [address, ...(untagged === undefined ? [] : [untagged])].map(localPart);
  return allOf(equals('objectClass', 'posixAccount'), anyOf(...names.map((name) => equals('uid', name))));
}

/** Accounts that have an address among the entries of the answer. */
export function shellUsers(entries: readonly LdapEntry[], address: string): readonly AccountFound[] {
  return entries
    .filter((entry) => isA(entry, 'posixAccount') && has(entry, 'uid', localPart(address)))
    .map((entry) => withShell(readAccount(entry, { address }), shellAccount(entry)));
}

function withShell(found: AccountFound, shell: ShellAccount | undefined): AccountFound {
  return 'account' in found && shell !== undefined ? { ...found, account: { ...found.account, shell } } : found;
}

/** Undefined when a part is missing or cannot be: nothing is run as somebody who is half known. */
function shellAccount(entry: LdapEntry): ShellAccount | undefined {
  const user = first(entry, 'uid');
  const uid = unixId(first(entry, 'uidnumber'));
  const gid = unixId(first(entry, 'gidnumber'));
  const home = first(entry, 'homedirectory');
  if (user === undefined || uid === undefined || gid === undefined || home === undefined) return undefined;
  return home.startsWith('/') ? { user, uid, gid, home } : undefined;
}

function unixId(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}

function localPart(address: string): string {
  return address.slice(0, address.lastIndexOf('@'));
}
