import type { LdapEntry } from '../ldap-connection.ts';
import { COMMON_ATTRIBUTES, primaryAddress, readAccount } from './account.ts';
import { all, allOf, anyOf, equals, first, has, hasAncestor, isA, isBelow, truth } from './entry.ts';
import { domainAlias } from './hosted-domains.ts';
import type { AccountFound, AddressFacts, AliasFound, DirectoryPreset, DomainFound } from './preset.ts';

/**
 * Jamm's classes (schema/ldap/README.md). An entry counts only below its domain's entry, because whoever administers
 * another domain may write there; accountActive is mandatory, so an entry without it was not read whole. An alias with
 * a bare name (`mail=root`) that stands below no domain is one of the whole site, and belongs to the default domain.
 */
export const jammPreset: DirectoryPreset = {
  attributes: [...COMMON_ATTRIBUTES, 'jvd', 'maildrop', 'accountActive', 'delete', 'quota', 'postfixTransport'],

  filter(question) {
    const { domain, address, untagged } = question;
    const addresses = [address, ...(untagged === undefined ? [] : [untagged]), `@${domain}`];
    const bare = question.isDefaultDomain ? addresses.map(localPart).filter((name) => name !== '') : [];
    return anyOf(
      allOf(equals('objectClass', 'JammVirtualDomain'), equals('jvd', domain)),
      allOf(
        anyOf(equals('objectClass', 'JammMailAccount'), equals('objectClass', 'JammMailAlias')),
        anyOf(...[...addresses, ...bare].map((value) => equals('mail', value))),
      ),
    );
  },

  read(entries, question): AddressFacts {
    // One that stands below another domain was put there by that one's postmasters.
    const domains = entries.filter(
      (e) => isA(e, 'JammVirtualDomain') && has(e, 'jvd', question.domain) && !hasAncestor(e.dn, 'jvd'),
    );
    const [domain] = domains;
    if (domain === undefined) return { domain: 'not-hosted', accounts: () => [], aliases: () => [], catchAll: [] };
    // What stands below an account (its app passwords) is nobody's account or alias, whatever it says.
    const below = entries.filter((e) => isBelow(e.dn, domain.dn) && !hasAncestor(e.dn, 'mail'));
    const accounts = below.filter((e) => isA(e, 'JammMailAccount'));
    const aliases = below.filter((e) => isA(e, 'JammMailAlias'));
    const ofSite = entries.filter((e) => isA(e, 'JammMailAlias') && !hasAncestor(e.dn, 'jvd'));
    const catchAll = aliases.filter((e) => has(e, 'mail', `@${question.domain}`));
    return {
      domain: domains.length > 1 ? unreadable(`${question.domain} stands more than once`) : domainState(domain),
      accounts: (address) => accounts.filter((e) => has(e, 'mail', address)).map((e) => account(e, domain, address)),
      aliases(address) {
        const own = aliases.filter((e) => has(e, 'mail', address));
        if (own.length > 0 || !question.isDefaultDomain) return own.map(alias);
        return ofSite.filter((e) => has(e, 'mail', localPart(address))).map(alias);
      },
      catchAll: catchAll.length > 0 ? catchAll.map(alias) : domainAlias([domain]),
    };
  },

  nobodyDn: (baseDn) => `mail=nobody@nowhere.invalid,jvd=nowhere.invalid,${baseDn}`,
};

function domainState(entry: LdapEntry): DomainFound {
  if (truth(entry, 'delete') === true) return 'deleted';
  const active = truth(entry, 'accountactive');
  if (active === undefined) return unreadable(`${entry.dn}: accountActive cannot be read`);
  return active ? 'hosted' : 'inactive';
}

function account(entry: LdapEntry, domain: LdapEntry, address: string): AccountFound {
  const active = truth(entry, 'accountactive');
  if (active === undefined) return unreadable(`${entry.dn}: accountActive cannot be read`);
  return readAccount(entry, {
    address: primaryAddress(entry, address),
    state: truth(entry, 'delete') === true ? 'deleted' : active ? 'active' : 'inactive',
    mailHost: storeOf(first(domain, 'postfixtransport')),
  });
}

function alias(entry: LdapEntry): AliasFound {
  const active = truth(entry, 'accountactive');
  if (active === undefined) return unreadable(`${entry.dn}: accountActive cannot be read`);
  const targets = all(entry, 'maildrop');
  return targets.length === 0 ? unreadable(`${entry.dn}: maildrop cannot be read`) : { targets, active };
}

/** `lmtp:store1.corp.example` names a store; other transports (`virtual:`) name none. */
function storeOf(transport: string | undefined): string | undefined {
  return /^lmtp:(?:inet:)?\[?([^\]/]+?)\]?(?::\d+)?$/i.exec(transport ?? '')?.[1];
}

function localPart(address: string): string {
  return address.slice(0, address.lastIndexOf('@'));
}

function unreadable(what: string): { unreadable: string } {
  return { unreadable: what };
}
