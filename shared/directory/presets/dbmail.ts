import type { LdapEntry } from '../ldap-connection.ts';
import { COMMON_ATTRIBUTES, primaryAddress, readAccount } from './account.ts';
import { all, allOf, anyOf, equals, first, has, isA } from './entry.ts';
import { associatedDomain, domainAlias, hostedDomain } from './hosted-domains.ts';
import type { AddressFacts, AliasFound, DirectoryPreset } from './preset.ts';

/**
 * DBMail's classes: dbmailUser (several `mail`; mailForwardingAddress gets copies), dbmailForwardingAddress (an alias).
 * `mail: @domain` on either is the catch-all. Accounts have no state: one that is there is active.
 */
export function dbmailPreset(domains: readonly string[]): DirectoryPreset {
  return {
    attributes: [...COMMON_ATTRIBUTES, 'mailQuota', 'mailForwardingAddress', 'associatedDomain'],

    filter({ domain, address, untagged }) {
      const addresses = [address, ...(untagged === undefined ? [] : [untagged]), `@${domain}`];
      return anyOf(
        associatedDomain(domain),
        allOf(
          anyOf(equals('objectClass', 'dbmailUser'), equals('objectClass', 'dbmailForwardingAddress')),
          anyOf(...addresses.map((value) => equals('mail', value))),
        ),
      );
    },

    read(entries, { domain }): AddressFacts {
      const users = entries.filter((e) => isA(e, 'dbmailUser'));
      const aliases = entries.filter((e) => isA(e, 'dbmailForwardingAddress') && !isA(e, 'dbmailUser'));
      const anyAddress = `@${domain}`;
      const catchAll: AliasFound[] = [
        ...aliases.filter((e) => has(e, 'mail', anyAddress)).map(alias),
        ...users
          .filter((e) => has(e, 'mail', anyAddress))
          .map((e) => ({ targets: [primaryAddress(e, '')].filter((a) => a !== ''), active: true })),
      ];
      return {
        domain: hostedDomain(entries, domain, domains),
        accounts: (address) =>
          users
            .filter((e) => has(e, 'mail', address))
            .map((e) =>
              readAccount(e, {
                address: primaryAddress(e, address),
                quota: quotaBytes(first(e, 'mailquota')),
                forwards: all(e, 'mailforwardingaddress'),
              }),
            ),
        aliases: (address) => aliases.filter((e) => has(e, 'mail', address)).map(alias),
        catchAll:
          catchAll.length > 0 ? catchAll : domainAlias(entries.filter((e) => has(e, 'associateddomain', domain))),
      };
    },

    nobodyDn: (baseDn) => `uid=nobody,ou=nowhere.invalid,${baseDn}`,
  };
}

function alias(entry: LdapEntry): AliasFound {
  const targets = all(entry, 'mailforwardingaddress');
  return targets.length === 0
    ? { unreadable: `${entry.dn}: mailForwardingAddress cannot be read` }
    : { targets, active: true };
}

/** A number of octets; 0 is no limit. */
function quotaBytes(text: string | undefined): { quotaBytes?: number } {
  return text !== undefined && /^\d{1,15}$/.test(text) ? { quotaBytes: Number(text) } : {};
}
