import { type Acting, type AdministrationParts, differencesOf, note, noteChange } from './acting.ts';
import { replacing } from './domains.ts';
import { findAccount, findAlias, findDomain } from './find.ts';
import { mayHaveOneMore } from './limits.ts';
import { type Listed, type ListQuestion, listPage, type Page } from './lists.ts';
import { domainOf, readOwnAddress, readTarget, readText } from './names.ts';
import { done, type Outcome, refuse, refusedBy } from './outcome.ts';
import { type AliasEntry, addressDn, bool, IS_ALIAS, readAliasEntry } from './tree.ts';

export interface AliasSettings {
  readonly targets?: readonly string[] | undefined;
  readonly active?: boolean | undefined;
  readonly description?: string | undefined;
}

export interface NewAlias extends AliasSettings {
  /** `@domain` is the catch-all. */
  readonly address: string;
  readonly targets: readonly string[];
}

const MAX_TARGETS = 1_000;

const LISTED: Listed<AliasEntry> = {
  name: 'aliases',
  kind: IS_ALIAS,
  searched: ['mail', 'maildrop'],
  scope: 'sub',
  read: readAliasEntry,
};

export const listAliases = (
  parts: AdministrationParts,
  acting: Acting,
  question: ListQuestion,
): Promise<Outcome<Page<AliasEntry>>> => listPage(parts, acting, LISTED, question);

export async function createAlias(
  parts: AdministrationParts,
  acting: Acting,
  given: NewAlias,
): Promise<Outcome<AliasEntry>> {
  const own = readOwnAddress(given.address, true);
  if (own === undefined) return refuse('invalid', 'This cannot be an address here', 'address');
  const domain = await findDomain(parts, acting, own.domain);
  if (domain.kind !== 'done') return domain;
  if ((await findAccount(parts, acting, own.address)).kind === 'done') {
    return refuse('exists', 'There is an account of this address, which goes before an alias', 'address');
  }
  const limited = await mayHaveOneMore(parts, acting, domain.value, 'alias');
  if (limited !== undefined) return limited;
  const attributes = settingsOf({ active: true, ...given }, own.address);
  if (attributes.kind !== 'done') return attributes;
  const dn = addressDn(own.address, parts.directory.baseDn);
  const refused = refusedBy(
    await acting.person.add(dn, { objectClass: ['JammMailAlias'], mail: [own.address], ...attributes.value }),
  );
  if (refused !== undefined) return refused;
  const differences = differencesOf({}, { targets: given.targets });
  await note(parts, acting, { action: 'alias-created', domain: own.domain, target: own.address, differences });
  return findAlias(parts, acting, own.address);
}

export async function changeAlias(
  parts: AdministrationParts,
  acting: Acting,
  address: string,
  settings: AliasSettings,
): Promise<Outcome<AliasEntry>> {
  const found = await findAlias(parts, acting, address);
  if (found.kind !== 'done') return found;
  const attributes = settingsOf(settings, found.value.address);
  if (attributes.kind !== 'done') return attributes;
  const refused = refusedBy(await acting.person.change(found.value.dn, replacing(attributes.value)));
  if (refused !== undefined) return refused;
  const after = await findAlias(parts, acting, address);
  if (after.kind === 'done') {
    const { value } = found;
    await noteChange(parts, acting, ['alias', value.address], settings, { from: value, to: after.value });
  }
  return after;
}

/** An alias holds no mail, so it goes at once; its targets stand in the log. */
export async function removeAlias(parts: AdministrationParts, acting: Acting, address: string): Promise<Outcome<null>> {
  const found = await findAlias(parts, acting, address);
  if (found.kind !== 'done') return found;
  const refused = refusedBy(await acting.person.remove(found.value.dn));
  if (refused !== undefined) return refused;
  const differences = differencesOf({ targets: found.value.targets }, { targets: '' });
  const { address: target } = found.value;
  await note(parts, acting, { action: 'alias-removed', domain: domainOf(target), target, differences });
  return done(null);
}

function settingsOf(settings: AliasSettings, address: string): Outcome<Record<string, readonly string[]>> {
  const given: Record<string, readonly string[]> = {};
  if (settings.targets !== undefined) {
    const targets = settings.targets.map((text) => readTarget(text, true));
    if (targets.length === 0 || targets.length > MAX_TARGETS || targets.includes(undefined)) {
      return refuse('invalid', 'Each target is an address, a name of the default domain, or @domain', 'targets');
    }
    if (targets.some((target) => target?.toLowerCase() === address)) {
      return refuse('invalid', 'An alias cannot lead to itself', 'targets');
    }
    given.maildrop = [...new Set(targets as string[])];
  }
  if (settings.active !== undefined) given.accountActive = [bool(settings.active)];
  if (settings.description !== undefined) {
    const text = readText(settings.description);
    if (text === undefined) return refuse('invalid', 'One line of 200 signs at most', 'description');
    given.description = text === '' ? [] : [text];
  }
  return done(given);
}
