import type { LdapEntry } from '../ldap-connection.ts';
import { COMMON_ATTRIBUTES, primaryAddress, readAccount } from './account.ts';
import { all, allOf, anyOf, equals, first, has, isA } from './entry.ts';
import { associatedDomain, domainAlias, hostedDomain } from './hosted-domains.ts';
import type { AddressFacts, AliasFound, DirectoryPreset } from './preset.ts';

/** Services that Courier's attributes take away when they are set. */
const DISABLED_BY = [
  ['disableimap', 'imap'],
  ['disablepop3', 'pop3'],
  ['disablewebmail', 'webmail'],
] as const;

/**
 * Courier's authldap classes. A CourierDomainAlias gives a domain to its virtualdomainuser: an address takes all of its
 * mail, `@other.example` stands for the same address there. Accounts have no state: one that is there is active.
 *
 * @param defaultServices what an account may use of which Courier's attributes take away
 * @param domains hosted besides those that the directory names
 */
export function courierPreset(defaultServices: readonly string[], domains: readonly string[]): DirectoryPreset {
  return {
    attributes: [
      ...COMMON_ATTRIBUTES,
      'maildrop',
      'quota',
      'associatedDomain',
      'virtualdomain',
      'virtualdomainuser',
      ...DISABLED_BY.map(([attribute]) => attribute),
    ],

    filter({ domain, address, untagged, isDefaultDomain }) {
      const addresses = [address, ...(untagged === undefined ? [] : [untagged])];
      const bare = isDefaultDomain ? addresses.map(localPart) : [];
      return anyOf(
        associatedDomain(domain),
        equals('virtualdomain', domain),
        allOf(
          anyOf(equals('objectClass', 'CourierMailAccount'), equals('objectClass', 'CourierMailAlias')),
          anyOf(...[...addresses, `@${domain}`, ...bare].map((value) => equals('mail', value))),
        ),
      );
    },

    read(entries, question): AddressFacts {
      const virtual = entries.filter((e) => has(e, 'virtualdomain', question.domain));
      const known = hostedDomain(entries, question.domain, domains);
      const accounts = entries.filter((e) => isA(e, 'CourierMailAccount'));
      const aliases = entries.filter((e) => isA(e, 'CourierMailAlias'));
      const named = entries.filter((e) => has(e, 'associateddomain', question.domain));
      const catchAll = [
        ...aliases.filter((e) => has(e, 'mail', `@${question.domain}`)).map((e) => alias(e, 'maildrop')),
        ...virtual.map((e) => alias(e, 'virtualdomainuser')),
      ];
      return {
        domain: virtual.length > 0 ? 'hosted' : known,
        accounts: (address) =>
          accounts
            .filter((e) => has(e, 'mail', address))
            .map((e) =>
              readAccount(e, { address: primaryAddress(e, address), services: services(e, defaultServices) }),
            ),
        aliases(address) {
          const own = aliases.filter((e) => has(e, 'mail', address));
          const ofSite = aliases.filter((e) => question.isDefaultDomain && has(e, 'mail', localPart(address)));
          return (own.length > 0 ? own : ofSite).map((e) => alias(e, 'maildrop'));
        },
        catchAll: catchAll.length > 0 ? catchAll : domainAlias(named),
      };
    },

    nobodyDn: (baseDn) => `uid=nobody@nowhere.invalid,${baseDn}`,
  };
}

function services(entry: LdapEntry, defaultServices: readonly string[]): readonly string[] | undefined {
  const disabled = DISABLED_BY.filter(([attribute]) => isSet(first(entry, attribute))).map(([, service]) => service);
  return disabled.length > 0 ? defaultServices.filter((service) => !disabled.some((d) => d === service)) : undefined;
}

function alias(entry: LdapEntry, attribute: string): AliasFound {
  const targets = all(entry, attribute);
  return targets.length === 0 ? { unreadable: `${entry.dn}: ${attribute} cannot be read` } : { targets, active: true };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}

function localPart(address: string): string {
  return address.slice(0, address.lastIndexOf('@'));
}
