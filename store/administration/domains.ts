import type { AttributeChange, EntryAttributes } from '@postern/shared/directory/person-directory.ts';
import { type Acting, type AdministrationParts, differencesOf, note, noteChange } from './acting.ts';
import { findAccount, findDomain } from './find.ts';
import { type Listed, type ListQuestion, listPage, type Page } from './lists.ts';
import { readDomain, readOwnAddress, readText } from './names.ts';
import { done, type Outcome, refuse, refusedBy } from './outcome.ts';
import {
  addressDn,
  all,
  bool,
  type DomainEntry,
  domainDn,
  ENTRY_ATTRIBUTES,
  equals,
  IS_DOMAIN,
  postmastersDn,
  readDomainEntry,
} from './tree.ts';

/** What may be said of a domain; left out is left as it is. */
export interface DomainSettings {
  readonly description?: string | undefined;
  readonly active?: boolean | undefined;
  readonly transport?: string | undefined;
  readonly editAccounts?: boolean | undefined;
  readonly editPostmasters?: boolean | undefined;
  readonly editCatchAll?: boolean | undefined;
  /** 0 is no limit. */
  readonly maxAccounts?: number | undefined;
  readonly maxAliases?: number | undefined;
  readonly maxQuotaBytes?: number | undefined;
}

export interface NewDomain extends DomainSettings {
  readonly name: string;
  /** Address that gets the mail of postmaster@ and abuse@. */
  readonly postmaster: string;
}

const LISTED: Listed<DomainEntry> = {
  name: 'domains',
  kind: IS_DOMAIN,
  searched: ['jvd', 'description'],
  scope: 'one',
  read: readDomainEntry,
};

export const listDomains = (
  parts: AdministrationParts,
  acting: Acting,
  question: Omit<ListQuestion, 'domain'>,
): Promise<Outcome<Page<DomainEntry>>> => listPage(parts, acting, LISTED, question);

/** Makes the domain with all that it needs: who administers it, postmaster@ and abuse@. All of it, or nothing. */
export async function createDomain(
  parts: AdministrationParts,
  acting: Acting,
  given: NewDomain,
): Promise<Outcome<DomainEntry>> {
  const { baseDn } = parts.directory;
  const name = readDomain(given.name);
  if (name === undefined) return refuse('invalid', 'This is no domain', 'name');
  const postmaster = readOwnAddress(given.postmaster);
  if (postmaster === undefined) return refuse('invalid', 'This is no address', 'postmaster');
  const attributes = settingsOf({
    active: true,
    editAccounts: true,
    editPostmasters: true,
    editCatchAll: true,
    ...given,
  });
  if (attributes.kind !== 'done') return attributes;
  const dn = domainDn(name, baseDn);
  // RFC 2142 §4, RFC 5321 §4.5.1: both are there from the first day. A postmaster of that name is an account of its own.
  const stands = (local: string, target: string): readonly [string, EntryAttributes] => [
    addressDn(`${local}@${name}`, baseDn),
    { objectClass: ['JammMailAlias'], mail: [`${local}@${name}`], maildrop: [target], accountActive: ['TRUE'] },
  ];
  const own = postmaster.domain === name;
  const role = own || (await findAccount(parts, acting, postmaster.address)).kind === 'done';
  const entries: (readonly [string, EntryAttributes])[] = [
    [dn, { objectClass: ['JammVirtualDomain'], jvd: [name], ...attributes.value }],
    [
      postmastersDn(name, baseDn),
      {
        objectClass: ['JammPostmaster'],
        cn: ['postmaster'],
        roleOccupant: [role ? addressDn(postmaster.address, baseDn) : acting.person.dn],
      },
    ],
    ...(own && postmaster.local === 'postmaster' ? [] : [stands('postmaster', postmaster.address)]),
    ...(own && postmaster.local === 'abuse' ? [] : [stands('abuse', `postmaster@${name}`)]),
  ];
  const made: string[] = [];
  for (const [entryDn, entryAttributes] of entries) {
    const refused = refusedBy(await acting.person.add(entryDn, entryAttributes));
    if (refused !== undefined) {
      for (const undo of made.reverse()) await acting.person.remove(undo);
      return refused;
    }
    made.push(entryDn);
  }
  await note(parts, acting, { action: 'domain-created', domain: name, target: name });
  return findDomain(parts, acting, name);
}

export async function changeDomain(
  parts: AdministrationParts,
  acting: Acting,
  name: string,
  settings: DomainSettings,
): Promise<Outcome<DomainEntry>> {
  const found = await findDomain(parts, acting, name);
  if (found.kind !== 'done') return found;
  const attributes = settingsOf(settings);
  if (attributes.kind !== 'done') return attributes;
  const refused = refusedBy(await acting.person.change(found.value.dn, replacing(attributes.value)));
  if (refused !== undefined) return refused;
  const after = await findDomain(parts, acting, name);
  if (after.kind === 'done') {
    const { value } = found;
    await noteChange(parts, acting, ['domain', value.name], settings, { from: value, to: after.value });
  }
  return after;
}

/** Who administers a domain: addresses of accounts, or DNs of entries that are none. */
export async function postmastersOf(
  { directory }: AdministrationParts,
  { person }: Acting,
  name: string,
): Promise<string[]> {
  const [entry] = await person.search({
    baseDn: postmastersDn(name, directory.baseDn),
    scope: 'base',
    filter: equals('objectClass', 'JammPostmaster'),
    attributes: ENTRY_ATTRIBUTES,
    maxEntries: 1,
  });
  return (entry === undefined ? [] : all(entry, 'roleoccupant')).map((dn) => /^mail=([^,]+),/i.exec(dn)?.[1] ?? dn);
}

/** Adds a postmaster, or takes one away; the last one stays, since the entry cannot be without. */
export async function changePostmasters(
  parts: AdministrationParts,
  acting: Acting,
  name: string,
  change: { readonly operation: 'add' | 'delete'; readonly address: string },
): Promise<Outcome<string[]>> {
  const domain = await findDomain(parts, acting, name);
  if (domain.kind !== 'done') return domain;
  const account = change.operation === 'add' ? await findAccount(parts, acting, change.address) : undefined;
  if (account !== undefined && account.kind !== 'done') return account;
  const before = await postmastersOf(parts, acting, domain.value.name);
  const dn =
    account?.value.dn ??
    (change.address.includes('=') ? change.address : addressDn(change.address.toLowerCase(), parts.directory.baseDn));
  if (change.operation === 'delete' && before.length === 1) {
    return refuse('state', 'A domain has one postmaster at least', 'address');
  }
  const refused = refusedBy(
    await acting.person.change(postmastersDn(domain.value.name, parts.directory.baseDn), [
      { operation: change.operation, attribute: 'roleOccupant', values: [dn] },
    ]),
  );
  if (refused !== undefined) return refused;
  const after = await postmastersOf(parts, acting, domain.value.name);
  const differences = differencesOf({ postmasters: before }, { postmasters: after });
  await note(parts, acting, {
    action: 'postmasters-changed',
    domain: domain.value.name,
    target: domain.value.name,
    differences,
  });
  return done(after);
}

function settingsOf(settings: DomainSettings): Outcome<EntryAttributes> {
  const { description, active, transport } = settings;
  const text = description === undefined ? undefined : readText(description);
  if (description !== undefined && text === undefined)
    return refuse('invalid', 'One line of 200 signs at most', 'description');
  if (transport !== undefined && transport !== '' && !/^lmtp:[a-z0-9.:[\]-]{1,200}$/i.test(transport)) {
    return refuse('invalid', 'A transport is written lmtp:HOST', 'transport');
  }
  const given: Record<string, string[]> = {};
  if (text !== undefined) given.description = text === '' ? [] : [text];
  if (active !== undefined) given.accountActive = [bool(active)];
  if (transport !== undefined) given.postfixTransport = transport === '' ? [] : [transport];
  for (const what of ['editAccounts', 'editPostmasters', 'editCatchAll'] as const) {
    const value = settings[what];
    if (value !== undefined) given[what] = [bool(value)];
  }
  for (const what of ['maxAccounts', 'maxAliases', 'maxQuotaBytes'] as const) {
    const value = settings[what];
    if (value !== undefined) given[what] = value > 0 ? [String(value)] : [];
  }
  return done(given);
}

export function replacing(attributes: EntryAttributes): AttributeChange[] {
  return Object.entries(attributes).map(([attribute, values]) => ({ operation: 'replace', attribute, values }));
}
