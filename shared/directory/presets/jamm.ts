import type { Account, AddressRefusal } from '../directory.ts';
import type { LdapEntry } from '../ldap-connection.ts';
import { all, allOf, anyOf, entryUuid, equals, first, has, isA, isBelow, readQuota, truth } from './entry.ts';
import type { AddressQuestion, DirectoryPreset, Reading } from './preset.ts';

/**
 * Jamm's classes (schema/ldap/README.md). An entry counts only below its domain's entry, because whoever administers
 * another domain may write there; accountActive is mandatory, so an entry without it was not read whole.
 */
export const jammPreset: DirectoryPreset = {
  attributes: [
    'objectClass',
    'entryUUID',
    'jvd',
    'mail',
    'maildrop',
    'accountActive',
    'delete',
    'cn',
    'quota',
    'authorizedService',
    'mailHost',
    'postfixTransport',
  ],

  filter({ domain, address, untagged }) {
    const addresses = [address, ...(untagged === undefined ? [] : [untagged]), `@${domain}`];
    return anyOf(
      allOf(equals('objectClass', 'JammVirtualDomain'), equals('jvd', domain)),
      allOf(
        anyOf(equals('objectClass', 'JammMailAccount'), equals('objectClass', 'JammMailAlias')),
        anyOf(...addresses.map((value) => equals('mail', value))),
      ),
    );
  },

  read(entries, question) {
    const domains = entries.filter((e) => isA(e, 'JammVirtualDomain') && has(e, 'jvd', question.domain));
    const [domain] = domains;
    if (domain === undefined) return refused('no-such-domain');
    if (domains.length > 1) return unknown(`${question.domain} stands more than once in the directory`);
    const below = entries.filter((e) => isBelow(e.dn, domain.dn));
    const reading = readAddress(below, domain, question);
    if (truth(domain, 'delete') === true) return { ...reading, ...refused('domain-deleted') };
    const active = truth(domain, 'accountactive');
    if (active === undefined) return unknown(`${domain.dn}: accountActive cannot be read`);
    return active ? reading : { ...reading, ...refused('domain-inactive') };
  },

  nobodyDn: (baseDn) => `mail=nobody@nowhere.invalid,jvd=nowhere.invalid,${baseDn}`,
};

/** Account before alias before catch-all; what is found decides, whatever its state: nothing falls through. */
function readAddress(entries: readonly LdapEntry[], domain: LdapEntry, question: AddressQuestion): Reading {
  for (const address of [question.address, question.untagged]) {
    if (address === undefined) continue;
    const accounts = entries.filter((e) => isA(e, 'JammMailAccount') && has(e, 'mail', address));
    if (accounts.length > 1) return unknown(`${address} belongs to more than one account`);
    if (accounts[0] !== undefined) return readAccount(accounts[0], domain, address);
    const aliases = entries.filter((e) => isA(e, 'JammMailAlias') && has(e, 'mail', address));
    if (aliases.length > 0) return readAlias(aliases, false);
  }
  const catchAll = entries.filter((e) => isA(e, 'JammMailAlias') && has(e, 'mail', `@${question.domain}`));
  return catchAll.length > 0 ? readAlias(catchAll, true) : refused('no-such-user');
}

function readAccount(entry: LdapEntry, domain: LdapEntry, address: string): Reading {
  const uuid = entryUuid(entry);
  const active = truth(entry, 'accountactive');
  if (uuid === undefined) return unknown(`${entry.dn}: entryUUID cannot be read`);
  if (active === undefined) return unknown(`${entry.dn}: accountActive cannot be read`);
  const services = all(entry, 'authorizedservice').map((s) => s.toLowerCase());
  const account: Account = {
    uuid,
    address: primaryAddress(entry) ?? address,
    dn: entry.dn,
    displayName: first(entry, 'cn'),
    services: services.length > 0 ? services : undefined,
    ...readQuota(first(entry, 'quota')),
    mailHost: first(entry, 'mailhost') ?? storeOf(first(domain, 'postfixtransport')),
    forwards: [],
  };
  if (truth(entry, 'delete') === true) return { account, ...refused('account-deleted') };
  if (!active) return { account, ...refused('account-inactive') };
  return { account, answer: { kind: 'account', account } };
}

function readAlias(entries: readonly LdapEntry[], catchAll: boolean): Reading {
  const states = entries.map((entry) => truth(entry, 'accountactive'));
  if (states.includes(undefined)) return unknown(`${entries[0]?.dn}: accountActive cannot be read`);
  const active = entries.filter((_, index) => states[index] === true);
  if (active.length === 0) return refused('alias-inactive');
  const targets = [...new Set(active.flatMap((entry) => all(entry, 'maildrop')))];
  if (targets.length === 0) return unknown(`${entries[0]?.dn}: maildrop cannot be read`);
  return { answer: { kind: 'alias', targets, catchAll } };
}

/** The address that names the entry, else the only one it has: values of an attribute have no order. */
function primaryAddress(entry: LdapEntry): string | undefined {
  const addresses = all(entry, 'mail').map((value) => value.toLowerCase());
  if (addresses.length === 1) return addresses[0];
  const dn = entry.dn.toLowerCase();
  return addresses.find((address) => dn.startsWith(`mail=${address},`));
}

/** `lmtp:store1.corp.example` names a store; other transports (`virtual:`) name none. */
function storeOf(transport: string | undefined): string | undefined {
  return /^lmtp:\[?([^\]/]+?)\]?(?::\d+)?$/i.exec(transport ?? '')?.[1];
}

function refused(why: AddressRefusal): Reading {
  return { answer: { kind: 'refused', why } };
}

function unknown(cause: string): Reading {
  return { answer: { kind: 'unknown', cause } };
}
