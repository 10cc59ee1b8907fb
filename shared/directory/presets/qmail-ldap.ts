import type { LdapEntry } from '../ldap-connection.ts';
import { COMMON_ATTRIBUTES, readAccount } from './account.ts';
import { all, allOf, anyOf, equals, first, has, isA, readQuota } from './entry.ts';
import { associatedDomain, domainAlias, hostedDomain } from './hosted-domains.ts';
import type { AccountFound, AddressFacts, DirectoryPreset } from './preset.ts';

/** Local part of the address that takes what nobody else has. */
const CATCH_ALL = 'catchall';

/**
 * qmail-ldap's class. `mail` is the account's address, mailAlternateAddress are others; accountStatus is active,
 * nopop or noaccess (mail comes, nobody signs in), disabled, deleted; deliveryMode nolocal keeps no copy of what
 * mailForwardingAddress gets, noforward sends none. `catchall@domain` takes what nobody has.
 */
export function qmailLdapPreset(domains: readonly string[]): DirectoryPreset {
  return {
    attributes: [
      ...COMMON_ATTRIBUTES,
      'mailAlternateAddress',
      'mailForwardingAddress',
      'deliveryMode',
      'accountStatus',
      'mailQuotaSize',
      'mailQuotaCount',
      'mailQuota',
      'associatedDomain',
    ],

    filter({ domain, address, untagged }) {
      const addresses = [
        address,
        ...(untagged === undefined ? [] : [untagged]),
        `${CATCH_ALL}@${domain}`,
        `@${domain}`,
      ];
      return anyOf(
        associatedDomain(domain),
        allOf(
          equals('objectClass', 'qmailUser'),
          anyOf(...addresses.flatMap((value) => [equals('mail', value), equals('mailAlternateAddress', value)])),
        ),
      );
    },

    read(entries, { domain }): AddressFacts {
      const users = entries.filter((e) => isA(e, 'qmailUser'));
      const having = (address: string): LdapEntry[] =>
        users.filter((e) => has(e, 'mail', address) || has(e, 'mailalternateaddress', address));
      const takers = [...having(`${CATCH_ALL}@${domain}`), ...having(`@${domain}`)];
      const catchAll = takers.map((e) => ({ targets: all(e, 'mail'), active: true }));
      return {
        domain: hostedDomain(entries, domain, domains),
        accounts: (address) => having(address).map((e) => account(e, address)),
        aliases: () => [],
        catchAll:
          catchAll.length > 0 ? catchAll : domainAlias(entries.filter((e) => has(e, 'associateddomain', domain))),
      };
    },

    nobodyDn: (baseDn) => `uid=nobody,ou=nowhere.invalid,${baseDn}`,
  };
}

function account(entry: LdapEntry, address: string): AccountFound {
  const modes = all(entry, 'deliverymode').map((mode) => mode.toLowerCase());
  const status = first(entry, 'accountstatus')?.toLowerCase() ?? 'active';
  const size = first(entry, 'mailquotasize');
  const count = first(entry, 'mailquotacount');
  return readAccount(entry, {
    address: first(entry, 'mail')?.toLowerCase() ?? address,
    state: status === 'disabled' ? 'inactive' : status === 'deleted' ? 'deleted' : 'active',
    services: status === 'nopop' || status === 'noaccess' ? [] : undefined,
    quota: {
      ...readQuota(first(entry, 'mailquota')),
      ...(size === undefined ? {} : readQuota(`${size}S`)),
      ...(count === undefined ? {} : readQuota(`${count}C`)),
    },
    forwards: modes.includes('noforward') ? [] : all(entry, 'mailforwardingaddress'),
    forwardOnly: modes.includes('nolocal') || modes.includes('forwardonly'),
  });
}
