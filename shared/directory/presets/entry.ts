import ldap, { type Filter } from 'ldapjs';
import type { LdapEntry } from '../ldap-connection.ts';

export function isA(entry: LdapEntry, objectClass: string): boolean {
  const wanted = objectClass.toLowerCase();
  return all(entry, 'objectclass').some((value) => value.toLowerCase() === wanted);
}

/** Values of an attribute, given in lower case. */
export function all(entry: LdapEntry, attribute: string): readonly string[] {
  return entry.attributes.get(attribute) ?? [];
}

export function first(entry: LdapEntry, attribute: string): string | undefined {
  return entry.attributes.get(attribute)?.[0];
}

/** Whether one of the values of an attribute is `value`, which is in lower case. */
export function has(entry: LdapEntry, attribute: string, value: string): boolean {
  return all(entry, attribute).some((v) => v.toLowerCase() === value);
}

/** A Boolean (RFC 4517 §3.3.3); undefined when it is missing. */
export function truth(entry: LdapEntry, attribute: string): boolean | undefined {
  const value = first(entry, attribute);
  return value === undefined ? undefined : value.toUpperCase() === 'TRUE';
}

/** Forms of DNs that were met lately: the same few stand in every answer, and parsing one costs more than the rest of reading an entry. */
const comparable = new Map<string, string>();
const MAX_COMPARABLE = 4_096;

/** A DN in a form that can be compared: escapes and spaces alike, lower case. */
export function comparableDn(dn: string): string {
  const known = comparable.get(dn);
  if (known !== undefined) return known;
  const form = ldap.parseDN(dn).toString().toLowerCase();
  if (comparable.size >= MAX_COMPARABLE) comparable.clear();
  comparable.set(dn, form);
  return form;
}

export function isBelow(dn: string, ancestor: string): boolean {
  return comparableDn(dn).endsWith(`,${comparableDn(ancestor)}`);
}

/** Whether one of the entries above this DN is named by an attribute (`jvd`, in lower case). */
export function hasAncestor(dn: string, attribute: string): boolean {
  return comparableDn(dn)
    .split(/(?<!\\),/)
    .slice(1)
    .some((rdn) => rdn.trimStart().startsWith(`${attribute}=`));
}

/** entryUUID as lower-case text; undefined when the directory did not tell it. */
export function entryUuid(entry: LdapEntry): string | undefined {
  const uuid = first(entry, 'entryuuid')?.toLowerCase();
  return uuid !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid) ? uuid : undefined;
}

/** Limits as maildirquota writes them: `10000000S,1000C`; a bare number is bytes, 0 is none. */
export function readQuota(text: string | undefined): { quotaBytes?: number; quotaMessages?: number } {
  const limits: { quotaBytes?: number; quotaMessages?: number } = {};
  for (const part of (text ?? '').split(',')) {
    const match = /^\s*(\d{1,15})\s*([SC]?)\s*$/i.exec(part);
    if (match === null) continue;
    if (match[2]?.toUpperCase() === 'C') limits.quotaMessages = Number(match[1]);
    else limits.quotaBytes = Number(match[1]);
  }
  return limits;
}

/** Filters from objects, never from text: a value cannot become syntax (RFC 4515 §3). */
export const equals = (attribute: string, value: string): Filter => new ldap.EqualityFilter({ attribute, value });
export const anyOf = (...filters: Filter[]): Filter => new ldap.OrFilter({ filters });
export const allOf = (...filters: Filter[]): Filter => new ldap.AndFilter({ filters });
export const not = (filter: Filter): Filter => new ldap.NotFilter({ filter });
export const present = (attribute: string): Filter => new ldap.PresenceFilter({ attribute });
/** A value that contains `text` anywhere. */
export const contains = (attribute: string, text: string): Filter =>
  new ldap.SubstringFilter({ attribute, initial: '', any: [text] });
/** A value that begins with `text`. */
export const startsWith = (attribute: string, text: string): Filter =>
  new ldap.SubstringFilter({ attribute, initial: text });
