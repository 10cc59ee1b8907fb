import type { Acting, AdministrationParts } from './acting.ts';
import {
  allOf,
  anyOf,
  ENTRY_ATTRIBUTES,
  equals,
  IS_ACCOUNT,
  IS_ALIAS,
  readAccountEntry,
  readAliasEntry,
} from './tree.ts';

/** What else breaks when an address goes: who names it, as far as the person may see. */
export interface References {
  /** Aliases that name it, and those left without another target. */
  readonly aliases: readonly { readonly address: string; readonly lastTarget: boolean }[];
  /** Accounts that forward to it. */
  readonly forwards: readonly string[];
  /** Domains of which it is a postmaster. */
  readonly postmasterOf: readonly string[];
}

const MOST = 500;

export async function referencesTo(
  { directory }: AdministrationParts,
  { person }: Acting,
  address: string,
  dn?: string,
): Promise<References> {
  const { baseDn, defaultDomain } = directory;
  const at = address.lastIndexOf('@');
  const bare = address.slice(at + 1) === defaultDomain?.toLowerCase() ? [equals('maildrop', address.slice(0, at))] : [];
  const found = await person.search({
    baseDn,
    filter: anyOf(
      allOf(IS_ALIAS, anyOf(equals('maildrop', address), ...bare)),
      allOf(IS_ACCOUNT, equals('forwardTo', address)),
      ...(dn === undefined ? [] : [allOf(equals('objectClass', 'JammPostmaster'), equals('roleOccupant', dn))]),
    ),
    attributes: ENTRY_ATTRIBUTES,
    maxEntries: MOST,
  });
  const of = (name: string) =>
    found.filter((entry) => entry.attributes.get('objectclass')?.some((c) => c.toLowerCase() === name));
  return {
    aliases: of('jammmailalias')
      .map(readAliasEntry)
      .map((alias) => ({ address: alias.address, lastTarget: alias.targets.length === 1 })),
    forwards: of('jammmailaccount').map((entry) => readAccountEntry(entry).address),
    postmasterOf: of('jammpostmaster').flatMap((entry) => /,jvd=([^,]+),/i.exec(entry.dn)?.[1] ?? []),
  };
}
