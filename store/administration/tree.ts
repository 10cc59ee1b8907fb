import type { EntryAttributes, Filter, LdapEntry } from '@postern/shared/directory/person-directory.ts';
import {
  all,
  allOf,
  anyOf,
  contains,
  entryUuid,
  equals,
  first,
  has,
  isA,
  not,
  readQuota,
  startsWith,
  truth,
} from '@postern/shared/directory/presets/entry.ts';

/** How domains, accounts and aliases stand in a tree of the jamm preset (schema/ldap/README.md): entries to values and back. */

export interface DomainEntry {
  readonly dn: string;
  readonly uuid: string;
  readonly name: string;
  readonly description: string;
  readonly active: boolean;
  readonly deleted: boolean;
  readonly transport: string;
  readonly editAccounts: boolean;
  readonly editPostmasters: boolean;
  readonly editCatchAll: boolean;
  readonly maxAccounts: number | undefined;
  readonly maxAliases: number | undefined;
  readonly maxQuotaBytes: number | undefined;
}

export interface AccountEntry {
  readonly dn: string;
  readonly uuid: string;
  readonly address: string;
  readonly name: string;
  readonly description: string;
  readonly active: boolean;
  readonly deleted: boolean;
  /** Undefined: the site's default services. */
  readonly services: readonly string[] | undefined;
  readonly quotaBytes: number;
  readonly quotaMessages: number;
  readonly forwards: readonly string[];
  readonly forwardOnly: boolean;
  readonly secondFactor: boolean;
  readonly classes: readonly string[];
}

export interface AliasEntry {
  readonly dn: string;
  readonly address: string;
  readonly targets: readonly string[];
  readonly active: boolean;
  readonly catchAll: boolean;
  readonly description: string;
}

const ATTRIBUTES = [
  'objectClass',
  'entryUUID',
  'cn',
  'description',
  'accountActive',
  'delete',
  'jvd',
  'postfixTransport',
  'editAccounts',
  'editPostmasters',
  'editCatchAll',
  'maxAccounts',
  'maxAliases',
  'maxQuotaBytes',
  'mail',
  'authorizedService',
  'quota',
  'forwardTo',
  'forwardOnly',
  'secondFactor',
  'maildrop',
  'roleOccupant',
] as const;

export const ENTRY_ATTRIBUTES: readonly string[] = ATTRIBUTES;

/** `domain` is one of readDomain, so nothing of it needs escaping. */
export const domainDn = (domain: string, baseDn: string): string => `jvd=${domain},${baseDn}`;
export const postmastersDn = (domain: string, baseDn: string): string => `cn=postmaster,${domainDn(domain, baseDn)}`;
export const administratorsDn = (baseDn: string): string => `cn=administrators,${baseDn}`;
/** `address` is one of readOwnAddress. */
export const addressDn = (address: string, baseDn: string): string =>
  `mail=${address},${domainDn(address.slice(address.lastIndexOf('@') + 1), baseDn)}`;

export const IS_DOMAIN: Filter = equals('objectClass', 'JammVirtualDomain');
export const IS_ACCOUNT: Filter = equals('objectClass', 'JammMailAccount');
export const IS_ALIAS: Filter = equals('objectClass', 'JammMailAlias');

/** Shorter texts are looked for at the beginning of a value alone: slapd's index knows three signs in a row (slapd.conf.template). */
const ANYWHERE_FROM = 3;

/** What somebody types to find an entry: in its address, its name, or an alias's targets. */
export function matching(kind: Filter, text: string, attributes: readonly string[]): Filter {
  const wanted = text.trim();
  if (wanted === '') return kind;
  const found = wanted.length < ANYWHERE_FROM ? startsWith : contains;
  return allOf(kind, anyOf(...attributes.map((attribute) => found(attribute, wanted))));
}

export { all, allOf, anyOf, equals, first, has, isA, not };

export function readDomainEntry(entry: LdapEntry): DomainEntry {
  return {
    dn: entry.dn,
    uuid: entryUuid(entry) ?? '',
    name: (first(entry, 'jvd') ?? '').toLowerCase(),
    description: first(entry, 'description') ?? '',
    active: truth(entry, 'accountactive') === true,
    deleted: truth(entry, 'delete') === true,
    transport: first(entry, 'postfixtransport') ?? '',
    editAccounts: truth(entry, 'editaccounts') === true,
    editPostmasters: truth(entry, 'editpostmasters') === true,
    editCatchAll: truth(entry, 'editcatchall') === true,
    maxAccounts: numberOf(entry, 'maxaccounts'),
    maxAliases: numberOf(entry, 'maxaliases'),
    maxQuotaBytes: numberOf(entry, 'maxquotabytes'),
  };
}

export function readAccountEntry(entry: LdapEntry): AccountEntry {
  const services = all(entry, 'authorizedservice').map((service) => service.toLowerCase());
  const { quotaBytes = 0, quotaMessages = 0 } = readQuota(first(entry, 'quota'));
  return {
    dn: entry.dn,
    uuid: entryUuid(entry) ?? '',
    address: addressOf(entry),
    name: first(entry, 'cn') ?? '',
    description: first(entry, 'description') ?? '',
    active: truth(entry, 'accountactive') === true,
    deleted: truth(entry, 'delete') === true,
    services: services.length > 0 ? services : undefined,
    quotaBytes,
    quotaMessages,
    forwards: all(entry, 'forwardto'),
    forwardOnly: truth(entry, 'forwardonly') === true,
    secondFactor: truth(entry, 'secondfactor') === true,
    classes: all(entry, 'objectclass'),
  };
}

export function readAliasEntry(entry: LdapEntry): AliasEntry {
  const address = addressOf(entry);
  return {
    dn: entry.dn,
    address,
    targets: all(entry, 'maildrop'),
    active: truth(entry, 'accountactive') === true,
    catchAll: address.startsWith('@'),
    description: first(entry, 'description') ?? '',
  };
}

/** Services beside authorizedServiceObject are the site's defaults; the class without a value is none at all. */
export function serviceAttributes(services: readonly string[] | undefined): EntryAttributes {
  return services === undefined ? {} : { authorizedService: services.length === 0 ? ['none'] : services };
}

/** `10000000S,1000C`; empty for none. */
export function quotaText(bytes: number, messages: number): string {
  return [...(bytes > 0 ? [`${bytes}S`] : []), ...(messages > 0 ? [`${messages}C`] : [])].join(',');
}

export const bool = (value: boolean): string => (value ? 'TRUE' : 'FALSE');

function addressOf(entry: LdapEntry): string {
  const addresses = all(entry, 'mail').map((value) => value.toLowerCase());
  const dn = entry.dn.toLowerCase();
  return addresses.find((address) => dn.startsWith(`mail=${address},`)) ?? addresses[0] ?? '';
}

function numberOf(entry: LdapEntry, attribute: string): number | undefined {
  const value = Number(first(entry, attribute) ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}
