import type { Account } from '../directory.ts';
import type { LdapEntry } from '../ldap-connection.ts';
import { all, allOf, anyOf, entryUuid, equals, first, has, isA, readQuota } from './entry.ts';
import type { DirectoryPreset, Reading } from './preset.ts';

/** Services that Courier's attributes take away when they are set. */
const DISABLED_BY = [
  ['disableimap', 'imap'],
  ['disablepop3', 'pop3'],
  ['disablewebmail', 'webmail'],
] as const;

/**
 * Courier's authldap classes. They know no domain entries, so a domain is known by associatedDomain (RFC 4524) on any
 * entry below the base, or by a CourierDomainAlias, whose virtualdomainuser is its catch-all. Accounts have no
 * state: an account that is there is active.
 *
 * @param defaultServices what an account may use of which Courier's attributes take away
 */
export function courierPreset(defaultServices: readonly string[]): DirectoryPreset {
  return {
    attributes: [
      'objectClass',
      'entryUUID',
      'mail',
      'maildrop',
      'cn',
      'quota',
      'associatedDomain',
      'virtualdomain',
      'virtualdomainuser',
      ...DISABLED_BY.map(([attribute]) => attribute),
    ],

    filter({ domain, address, untagged }) {
      const addresses = [address, ...(untagged === undefined ? [] : [untagged])];
      return anyOf(
        equals('associatedDomain', domain),
        equals('virtualdomain', domain),
        allOf(
          anyOf(equals('objectClass', 'CourierMailAccount'), equals('objectClass', 'CourierMailAlias')),
          anyOf(...addresses.map((value) => equals('mail', value))),
        ),
      );
    },

    read(entries, question) {
      const known = entries.some(
        (e) => has(e, 'associateddomain', question.domain) || has(e, 'virtualdomain', question.domain),
      );
      if (!known) return { answer: { kind: 'refused', why: 'no-such-domain' } };
      for (const address of [question.address, question.untagged]) {
        if (address === undefined) continue;
        const accounts = entries.filter((e) => isA(e, 'CourierMailAccount') && has(e, 'mail', address));
        if (accounts.length > 1) return unknown(`${address} belongs to more than one account`);
        if (accounts[0] !== undefined) return readAccount(accounts[0], address, defaultServices);
        const aliases = entries.filter((e) => isA(e, 'CourierMailAlias') && has(e, 'mail', address));
        if (aliases.length > 0) return readTargets(aliases, 'maildrop', false);
      }
      const catchAll = entries.filter((e) => has(e, 'virtualdomain', question.domain));
      if (catchAll.length > 0) return readTargets(catchAll, 'virtualdomainuser', true);
      return { answer: { kind: 'refused', why: 'no-such-user' } };
    },

    nobodyDn: (baseDn) => `uid=nobody@nowhere.invalid,${baseDn}`,
  };
}

function readAccount(entry: LdapEntry, address: string, defaultServices: readonly string[]): Reading {
  const uuid = entryUuid(entry);
  if (uuid === undefined) return unknown(`${entry.dn}: entryUUID cannot be read`);
  const disabled = DISABLED_BY.filter(([attribute]) => isSet(first(entry, attribute))).map(([, service]) => service);
  const addresses = all(entry, 'mail').map((value) => value.toLowerCase());
  const account: Account = {
    uuid,
    address: addresses.length === 1 ? (addresses[0] ?? address) : ([...addresses].sort()[0] ?? address),
    dn: entry.dn,
    displayName: first(entry, 'cn'),
    services:
      disabled.length > 0 ? defaultServices.filter((service) => !disabled.some((d) => d === service)) : undefined,
    ...readQuota(first(entry, 'quota')),
    forwards: [],
  };
  return { account, answer: { kind: 'account', account } };
}

function readTargets(entries: readonly LdapEntry[], attribute: string, catchAll: boolean): Reading {
  const targets = [...new Set(entries.flatMap((entry) => all(entry, attribute)))];
  if (targets.length === 0) return unknown(`${entries[0]?.dn}: ${attribute} cannot be read`);
  return { answer: { kind: 'alias', targets, catchAll } };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}

function unknown(cause: string): Reading {
  return { answer: { kind: 'unknown', cause } };
}
