import type { Filter } from 'ldapjs';
import type { LdapEntry } from '../ldap-connection.ts';
import { all, equals, has } from './entry.ts';
import type { AliasFound, DomainFound } from './preset.ts';

/**
 * Domains of presets that have no entry of their own for a domain: known by associatedDomain (RFC 4524
 * domainRelatedObject) on any entry below the base, or named in `directory.domains`, which is as good as an entry
 * because the base entry is part of every answer.
 */
export function associatedDomain(domain: string): Filter {
  return equals('associatedDomain', domain);
}

export function hostedDomain(
  entries: readonly LdapEntry[],
  domain: string,
  configured: readonly string[],
): DomainFound {
  if (configured.some((name) => name.toLowerCase() === domain)) return 'hosted';
  return entries.some((entry) => has(entry, 'associateddomain', domain)) ? 'hosted' : 'not-hosted';
}

/** A domain that stands for another one (posternDomainAlias): each address of it for the same one there. */
export function domainAlias(entries: readonly LdapEntry[]): readonly AliasFound[] {
  const targets = [...new Set(entries.flatMap((entry) => all(entry, 'aliasofdomain')))];
  return targets.length === 0 ? [] : [{ targets: targets.map((domain) => `@${domain}`), active: true }];
}
