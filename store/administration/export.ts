import type { Acting, AdministrationParts } from './acting.ts';
import { formatCsv } from './csv.ts';
import { formatLdifRecord } from './ldif.ts';
import { allEntries } from './lists.ts';
import { readDomain } from './names.ts';
import { done, type Outcome, refuse } from './outcome.ts';
import {
  anyOf,
  domainDn,
  ENTRY_ATTRIBUTES,
  IS_ACCOUNT,
  IS_ALIAS,
  IS_DOMAIN,
  isA,
  readAccountEntry,
  readAliasEntry,
} from './tree.ts';

const CSV_HEADER = ['address', 'name', 'active', 'quota', 'services', 'forwards', 'targets', 'description'];

/** Accounts and aliases that somebody may see, of one domain or of all, in a form that the import reads. No passwords: nobody reads them. */
export async function exportEntries(
  { directory }: AdministrationParts,
  acting: Acting,
  { format, domain }: { readonly format: 'csv' | 'ldif'; readonly domain?: string | undefined },
): Promise<Outcome<string>> {
  const name = domain === undefined ? undefined : readDomain(domain);
  if (domain !== undefined && name === undefined) return refuse('invalid', 'This is no domain', 'domain');
  const baseDn = name === undefined ? directory.baseDn : domainDn(name, directory.baseDn);
  const kinds = format === 'ldif' ? [IS_DOMAIN, IS_ACCOUNT, IS_ALIAS] : [IS_ACCOUNT, IS_ALIAS];
  const entries = await allEntries(acting, { baseDn, filter: anyOf(...kinds), attributes: ENTRY_ATTRIBUTES });
  if (format === 'ldif') {
    return done(
      entries
        .map((entry) =>
          formatLdifRecord(
            entry.dn,
            [...entry.attributes].filter(([attribute]) => attribute !== 'entryuuid'),
          ),
        )
        .join(''),
    );
  }
  const rows = entries.map((entry) => {
    if (isA(entry, 'JammMailAlias')) {
      const alias = readAliasEntry(entry);
      return [alias.address, '', String(alias.active), '', '', '', alias.targets.join(' '), alias.description];
    }
    const account = readAccountEntry(entry);
    const quota = account.quotaBytes > 0 ? String(account.quotaBytes) : '';
    const { address, active, services = [], forwards, description } = account;
    return [address, account.name, String(active), quota, services.join(' '), forwards.join(' '), '', description];
  });
  return done(formatCsv(CSV_HEADER, rows));
}
