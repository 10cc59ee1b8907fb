import type { LdapEntry } from '../ldap-connection.ts';
import { COMMON_ATTRIBUTES, readAccount } from './account.ts';
import { all, allOf, anyOf, equals, first, has, isA } from './entry.ts';
import { associatedDomain, domainAlias, hostedDomain } from './hosted-domains.ts';
import type { AccountFound, AddressFacts, AliasFound, DirectoryPreset } from './preset.ts';

/** userAccountControl: ACCOUNTDISABLE. */
const ACCOUNT_DISABLED = 2;

/**
 * Active Directory. An address is one of proxyAddresses (`SMTP:` the primary, `smtp:` others) or `mail`; one without
 * both is known by its userPrincipalName. Users are accounts; a user or contact with targetAddress lives elsewhere and
 * is an alias; a group is an alias of its members. Domains have no entries here: `directory.domains` names them, or
 * associatedDomain does. The base has to be a container (an OU), because a search of the whole domain refers to others.
 */
export function activeDirectoryPreset(domains: readonly string[]): DirectoryPreset {
  return {
    attributes: [
      ...COMMON_ATTRIBUTES,
      'objectGUID',
      'displayName',
      'proxyAddresses',
      'userPrincipalName',
      'userAccountControl',
      'targetAddress',
      'associatedDomain',
    ],

    filter({ domain, address, untagged }) {
      const addresses = [address, ...(untagged === undefined ? [] : [untagged]), `@${domain}`];
      return anyOf(
        associatedDomain(domain),
        allOf(
          anyOf(equals('objectClass', 'user'), equals('objectClass', 'group'), equals('objectClass', 'contact')),
          anyOf(
            ...addresses.flatMap((value) => [
              equals('proxyAddresses', `smtp:${value}`),
              equals('mail', value),
              equals('userPrincipalName', value),
            ]),
          ),
        ),
      );
    },

    read(entries, { domain }): AddressFacts {
      const having = (address: string): LdapEntry[] => entries.filter((e) => addressesOf(e).includes(address));
      const catchAll = having(`@${domain}`).map(
        (e): AliasFound => ({ targets: [primaryOf(e)].filter((a) => a !== undefined), active: true }),
      );
      return {
        domain: hostedDomain(entries, domain, domains),
        accounts: (address) =>
          having(address)
            .filter(isAccount)
            .map((e) => account(e, address)),
        aliases: (address) =>
          having(address)
            .filter((e) => !isAccount(e))
            .map(alias),
        catchAll:
          catchAll.length > 0 ? catchAll : domainAlias(entries.filter((e) => has(e, 'associateddomain', domain))),
      };
    },

    entryAt: (dn) => equals('distinguishedName', dn),
    members: {
      filter: (groupDn) => equals('memberOf', groupDn),
      address: primaryOf,
    },
    nobodyDn: (baseDn) => `CN=nobody,OU=nowhere.invalid,${baseDn}`,
  };
}

function isAccount(entry: LdapEntry): boolean {
  return isA(entry, 'user') && first(entry, 'targetaddress') === undefined;
}

function account(entry: LdapEntry, address: string): AccountFound {
  const uuid = objectGuid(entry);
  const control = Number(first(entry, 'useraccountcontrol'));
  if (uuid === undefined) return { unreadable: `${entry.dn}: objectGUID cannot be read` };
  if (!Number.isInteger(control)) return { unreadable: `${entry.dn}: userAccountControl cannot be read` };
  const state = (control & ACCOUNT_DISABLED) === 0 ? 'active' : 'inactive';
  return readAccount(entry, { uuid, address: primaryOf(entry) ?? address, state });
}

function alias(entry: LdapEntry): AliasFound {
  const target = first(entry, 'targetaddress');
  if (target !== undefined) return { targets: [withoutScheme(target)], active: true };
  // A contact without targetAddress is a card in the address book.
  return isA(entry, 'group') ? { targets: [], active: true, groupDn: entry.dn } : { targets: [], active: false };
}

/** Every address of an entry in lower case. */
function addressesOf(entry: LdapEntry): readonly string[] {
  const proxies = all(entry, 'proxyaddresses').filter(isSmtp).map(withoutScheme);
  const own = [...proxies, ...all(entry, 'mail')];
  return (own.length > 0 ? own : all(entry, 'userprincipalname')).map((address) => address.toLowerCase());
}

function primaryOf(entry: LdapEntry): string | undefined {
  const primary = all(entry, 'proxyaddresses').find((value) => value.startsWith('SMTP:'));
  const address = primary === undefined ? first(entry, 'mail') : withoutScheme(primary);
  return (address ?? first(entry, 'userprincipalname'))?.toLowerCase();
}

function isSmtp(value: string): boolean {
  return /^smtp:/i.test(value);
}

function withoutScheme(value: string): string {
  return value.replace(/^smtp:/i, '');
}

/** objectGUID: 16 octets, the first three groups little-endian; told in hexadecimal by the connection. */
function objectGuid(entry: LdapEntry): string | undefined {
  const hex = first(entry, 'objectguid') ?? '';
  if (!/^[0-9a-f]{32}$/.test(hex)) return undefined;
  const turned = (from: number, octets: number): string =>
    Array.from({ length: octets }, (_, i) => hex.slice(from + 2 * (octets - 1 - i), from + 2 * (octets - i))).join('');
  return [turned(0, 4), turned(8, 2), turned(12, 2), hex.slice(16, 20), hex.slice(20)].join('-');
}
