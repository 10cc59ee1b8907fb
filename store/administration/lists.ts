import type { Filter, LdapEntry } from '@postern/shared/directory/person-directory.ts';
import type { Acting, AdministrationParts } from './acting.ts';
import { readDomain } from './names.ts';
import { done, type Outcome, refuse } from './outcome.ts';
import { domainDn, ENTRY_ATTRIBUTES, matching } from './tree.ts';

/** Entries that are asked for at a time where all are wanted. */
const PAGE = 500;

/** What somebody asks a list for. */
export interface ListQuestion {
  readonly search: string;
  /** Of this domain alone. */
  readonly domain?: string | undefined;
  /** Of the page before; undefined for the first. */
  readonly cursor?: string | undefined;
  readonly size: number;
}

export interface Page<T> {
  readonly items: T[];
  /** For the next page; undefined on the last one. */
  readonly nextCursor: string | undefined;
}

/** One kind of entry, as lists have it. */
export interface Listed<T> {
  readonly name: 'accounts' | 'aliases' | 'domains';
  readonly kind: Filter;
  /** Where a search looks. */
  readonly searched: readonly string[];
  /** Domains stand right below the base, all others below a domain. */
  readonly scope: 'one' | 'sub';
  read(entry: LdapEntry): T;
}

/** All entries, however many: read in pages, since servers limit what one answer holds. */
export async function allEntries(
  { person }: Acting,
  question: { readonly baseDn: string; readonly filter: Filter; readonly attributes?: readonly string[] },
): Promise<LdapEntry[]> {
  const { baseDn, filter, attributes = ENTRY_ATTRIBUTES } = question;
  const found: LdapEntry[] = [];
  let cookie = Buffer.alloc(0);
  do {
    const page = await person.page('all', { baseDn, filter, attributes, maxEntries: PAGE }, PAGE, cookie);
    if (page === 'restart') throw new Error('the directory lost its place in a list');
    found.push(...page.entries);
    cookie = Buffer.from(page.nextCookie ?? '');
  } while (cookie.length > 0);
  return found;
}

/**
 * One page of what somebody may see, in the directory's order: a sorted list of 100,000 would have to be read whole for each page. A
 * cursor is good for who got it, as long as they do not begin another list of the same kind.
 */
export async function listPage<T>(
  { directory }: AdministrationParts,
  { person }: Acting,
  { name, kind, searched, scope, read }: Listed<T>,
  { search, domain, cursor, size }: ListQuestion,
): Promise<Outcome<Page<T>>> {
  const known = domain === undefined ? undefined : readDomain(domain);
  const baseDn = known === undefined ? directory.baseDn : domainDn(known, directory.baseDn);
  const filter = matching(kind, search, searched);
  const cookie = cursor === undefined ? Buffer.alloc(0) : Buffer.from(cursor, 'base64url');
  const question = { baseDn, scope, filter, attributes: ENTRY_ATTRIBUTES, maxEntries: size };
  const page = await person.page(name, question, size, cookie);
  if (page === 'restart') return refuse('state', 'The list has to be begun anew', 'cursor');
  return done({ items: page.entries.map(read), nextCursor: page.nextCookie?.toString('base64url') });
}
