import { comparableDn } from '@postern/shared/directory/presets/entry.ts';
import type { Acting, AdministrationParts } from './acting.ts';
import { administratorsDn, all, ENTRY_ATTRIBUTES, equals } from './tree.ts';

/** What somebody is, for the views that they are shown. What they may do, the directory says at each change. */
export interface Roles {
  readonly administrator: boolean;
  /** Domains that they are a postmaster of. */
  readonly domains: readonly string[];
}

/** The person reads the entry themselves: who may not read it is no administrator. */
export async function rolesOf({ directory }: AdministrationParts, { person }: Acting): Promise<Roles> {
  const filter = equals('objectClass', 'JammPostmaster');
  const common = { filter, attributes: ENTRY_ATTRIBUTES } as const;
  const me = comparableDn(person.dn);
  const [role] = await person.search({
    ...common,
    baseDn: administratorsDn(directory.baseDn),
    scope: 'base',
    maxEntries: 1,
  });
  const administrator = role !== undefined && all(role, 'roleoccupant').some((dn) => comparableDn(dn) === me);
  const found = await person.search({
    baseDn: directory.baseDn,
    filter: equals('roleOccupant', person.dn),
    attributes: ENTRY_ATTRIBUTES,
    maxEntries: 10_000,
  });
  const domains = found.flatMap((entry) => /^cn=postmaster,\s*jvd=([^,]+),/i.exec(entry.dn)?.[1]?.toLowerCase() ?? []);
  return { administrator, domains: domains.sort() };
}

export async function isAdministrator(parts: AdministrationParts, acting: Acting): Promise<boolean> {
  return (await rolesOf(parts, acting)).administrator;
}
