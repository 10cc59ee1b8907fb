import { comparableDn } from '@postern/shared/directory/presets/entry.ts';
import type { Tree, TreeEntry } from './tree.ts';

/** The rules of schema/ldap/jamm.access, for the embedded directory; kept alike by the tests of both. */
export interface Access {
  mayRead(attribute: string): boolean;
  mayWrite(entry: TreeEntry, attribute: string): boolean;
  /** Adding below a domain, or removing there. */
  mayAddOrRemove(dn: string): boolean;
}

const PASSWORDS: ReadonlySet<string> = new Set(['userpassword', 'clearpassword']);
const OWN: ReadonlySet<string> = new Set(['cn', 'sn', 'description', 'maildrop', 'lastchange']);

/** @param user DN of the bound user; undefined for anonymous */
export function accessOf(user: string | undefined, adminDn: string, baseDn: string, tree: Tree): Access {
  const me = user === undefined ? undefined : comparableDn(user);
  const isAdmin = me !== undefined && me === comparableDn(adminDn);
  const base = comparableDn(baseDn);

  /** The name of the domain that the entry stands strictly below. */
  const domainOf = (dn: string): string | undefined => {
    const key = comparableDn(dn);
    if (!key.endsWith(`,${base}`)) return undefined;
    return /(?:^|.*,)jvd=([^,]+)$/.exec(key.slice(0, -base.length - 1))?.[1];
  };
  const isDomainItself = (dn: string): boolean => /^jvd=[^,]+$/.test(comparableDn(dn).slice(0, -base.length - 1));
  const isPostmasterOf = (domain: string | undefined): boolean => {
    if (domain === undefined || me === undefined) return false;
    const role = tree.get(`cn=postmaster,jvd=${domain},${baseDn}`);
    return (role?.attributes.get('roleoccupant') ?? []).some((dn) => comparableDn(dn) === me);
  };

  return {
    mayRead: (attribute) => isAdmin || !PASSWORDS.has(attribute.toLowerCase()),
    mayWrite(entry, attribute) {
      if (isAdmin) return true;
      const name = attribute.toLowerCase();
      const key = comparableDn(entry.dn);
      const domain = domainOf(entry.dn);
      if (PASSWORDS.has(name)) return key === me || isPostmasterOf(domain);
      if (domain === undefined || isDomainItself(entry.dn)) return false;
      if (key === comparableDn(`cn=postmaster,jvd=${domain},${baseDn}`) && name === 'roleoccupant') {
        const domainEntry = tree.get(`jvd=${domain},${baseDn}`);
        return domainEntry?.attributes.get('editpostmasters')?.[0]?.toUpperCase() === 'TRUE' && isPostmasterOf(domain);
      }
      if (key === me && key.startsWith('mail=') && OWN.has(name)) return true;
      return isPostmasterOf(domain);
    },
    mayAddOrRemove: (dn) => isAdmin || (!isDomainItself(dn) && isPostmasterOf(domainOf(dn))),
  };
}
