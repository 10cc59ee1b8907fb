import type { Acting, AdministrationParts } from './acting.ts';
import { readDomain, readOwnAddress } from './names.ts';
import { done, type Outcome, refuse } from './outcome.ts';
import {
  type AccountEntry,
  type AliasEntry,
  addressDn,
  allOf,
  type DomainEntry,
  domainDn,
  ENTRY_ATTRIBUTES,
  equals,
  IS_ACCOUNT,
  IS_ALIAS,
  IS_DOMAIN,
  readAccountEntry,
  readAliasEntry,
  readDomainEntry,
} from './tree.ts';

/** One entry by its name, as far as the person may see it. */

export async function findDomain(
  { directory }: AdministrationParts,
  { person }: Acting,
  text: string,
): Promise<Outcome<DomainEntry>> {
  const name = readDomain(text);
  if (name === undefined) return refuse('invalid', 'This is no domain', 'domain');
  const baseDn = domainDn(name, directory.baseDn);
  const [entry] = await person.search({
    baseDn,
    scope: 'base',
    filter: IS_DOMAIN,
    attributes: ENTRY_ATTRIBUTES,
    maxEntries: 1,
  });
  return entry === undefined ? refuse('not-found', 'There is no such domain') : done(readDomainEntry(entry));
}

export async function findAccount(
  parts: AdministrationParts,
  acting: Acting,
  text: string,
): Promise<Outcome<AccountEntry>> {
  const [entry] = await entriesOf(parts, acting, text, IS_ACCOUNT);
  return entry === undefined ? refuse('not-found', 'There is no such account') : done(readAccountEntry(entry));
}

export async function findAlias(
  parts: AdministrationParts,
  acting: Acting,
  text: string,
): Promise<Outcome<AliasEntry>> {
  const [entry] = await entriesOf(parts, acting, text, IS_ALIAS);
  return entry === undefined ? refuse('not-found', 'There is no such alias') : done(readAliasEntry(entry));
}

async function entriesOf(
  { directory }: AdministrationParts,
  { person }: Acting,
  text: string,
  kind: typeof IS_ACCOUNT,
) {
  const own = readOwnAddress(text, true);
  // An address that somebody else wrote into the directory may have signs that new ones do not get; a filter takes any.
  const address = own?.address ?? text.trim().toLowerCase();
  const domain = readDomain(address.slice(address.lastIndexOf('@') + 1));
  if (domain === undefined) return [];
  const common = { attributes: ENTRY_ATTRIBUTES, maxEntries: 10 } as const;
  if (own !== undefined) {
    const found = await person.search({
      ...common,
      baseDn: addressDn(own.address, directory.baseDn),
      scope: 'base',
      filter: kind,
    });
    if (found.length > 0) return found;
  }
  return person.search({
    ...common,
    baseDn: domainDn(domain, directory.baseDn),
    scope: 'one',
    filter: allOf(kind, equals('mail', address)),
  });
}
