import type { Account } from '../directory.ts';
import type { LdapEntry } from '../ldap-connection.ts';
import { all, entryUuid, first, readQuota, truth } from './entry.ts';
import type { AccountFound } from './preset.ts';

/** Attributes of schema/ldap/postern.schema and of standard ones that count in every preset. */
export const COMMON_ATTRIBUTES = [
  'objectClass',
  'entryUUID',
  'cn',
  'mail',
  'authorizedService',
  'mailHost',
  'forwardTo',
  'forwardOnly',
  'delegateSender',
  'aliasOfDomain',
  'secondFactor',
  'pwdChangedTime',
  'pwdLastSet',
] as const;

export interface AccountReading {
  readonly address: string;
  readonly state?: 'active' | 'inactive' | 'deleted';
  /** Services, when the entry tells them in its own way; undefined leaves it to authorizedService. */
  readonly services?: readonly string[] | undefined;
  readonly quota?: { readonly quotaBytes?: number; readonly quotaMessages?: number };
  readonly mailHost?: string | undefined;
  readonly forwards?: readonly string[];
  readonly forwardOnly?: boolean;
  /** entryUUID when unset. */
  readonly uuid?: string | undefined;
}

/** An account from its entry: what a preset says of it, and what is alike in all of them. */
export function readAccount(entry: LdapEntry, reading: AccountReading): AccountFound {
  const uuid = reading.uuid ?? entryUuid(entry);
  if (uuid === undefined) return { unreadable: `${entry.dn}: entryUUID cannot be read` };
  const listed = all(entry, 'authorizedservice').map((service) => service.toLowerCase());
  const forwards = [...(reading.forwards ?? []), ...all(entry, 'forwardto')];
  const forwardOnly = reading.forwardOnly === true || truth(entry, 'forwardonly') === true;
  const delegates = all(entry, 'delegatesender').map((address) => address.toLowerCase());
  const passwordVersion = first(entry, 'pwdchangedtime') ?? first(entry, 'pwdlastset');
  const account: Account = {
    uuid,
    address: reading.address,
    dn: entry.dn,
    displayName: first(entry, 'cn'),
    services: listed.length > 0 ? listed : reading.services,
    ...(reading.quota ?? readQuota(first(entry, 'quota'))),
    mailHost: first(entry, 'mailhost') ?? reading.mailHost,
    forwards,
    ...(delegates.length === 0 ? {} : { delegates }),
    ...(passwordVersion === undefined ? {} : { passwordVersion }),
    ...(truth(entry, 'secondfactor') === true ? { secondFactor: true } : {}),
    // Without a target a mailbox that keeps nothing would lose mail.
    ...(forwardOnly && forwards.length > 0 ? { forwardOnly } : {}),
  };
  return { account, state: reading.state ?? 'active' };
}

/** The address that names the entry (`mail=…` in its DN), else the first in alphabetical order: values have no order. */
export function primaryAddress(entry: LdapEntry, fallback: string): string {
  const addresses = all(entry, 'mail')
    .map((value) => value.toLowerCase())
    .filter((value) => value.includes('@') && !value.startsWith('@'))
    .sort();
  const dn = entry.dn.toLowerCase();
  return addresses.find((address) => dn.startsWith(`mail=${address},`)) ?? addresses[0] ?? fallback;
}
