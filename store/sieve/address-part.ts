import { mailboxesOf, parseAddressList } from '@postern/shared/message/address.ts';
import type { Call } from './call.ts';

/** Picks a part of an address (RFC 5228 §2.7.4; RFC 5233 §4); undefined: the address has no such part, and nothing matches. */
export type AddressPart = (address: string) => string | undefined;

/** Separates user and detail (RFC 5233 §1). */
const SEPARATOR = '+';

const localPartOf = (address: string): string =>
  address.includes('@') ? address.slice(0, address.lastIndexOf('@')) : address;

const PARTS: Readonly<Record<string, AddressPart>> = {
  all: (address) => address,
  localpart: localPartOf,
  domain: (address) => (address.includes('@') ? address.slice(address.lastIndexOf('@') + 1) : ''),
  user: (address) => localPartOf(address).split(SEPARATOR)[0] ?? '',
  detail(address) {
    const local = localPartOf(address);
    const at = local.indexOf(SEPARATOR);
    return at < 0 ? undefined : local.slice(at + 1);
  },
};

export function addressPartOf(call: Call): AddressPart {
  return PARTS[call.chosen('address-part') ?? 'all'] as AddressPart;
}

const LOCAL_PART = /^[^\s@<>()[\]\\,;:"\x00-\x1f\x7f]+$/;
const DOMAIN =
  /^(?:[a-z0-9\u0080-\u{10ffff}](?:[a-z0-9\u0080-\u{10ffff}-]{0,61}[a-z0-9\u0080-\u{10ffff}])?\.)*[a-z0-9\u0080-\u{10ffff}](?:[a-z0-9\u0080-\u{10ffff}-]{0,61}[a-z0-9\u0080-\u{10ffff}])?$/iu;

/** The plain address of one mailbox, with or without a display name (RFC 5228 §4.2 wants no group and no list); undefined if it is none. */
export function plainAddress(text: string): string | undefined {
  if (text.length > 998 || /[\r\n\0]/.test(text)) return undefined;
  const addresses = parseAddressList(text);
  const [only] = mailboxesOf(addresses);
  if (addresses.length !== 1 || addresses[0]?.kind !== 'mailbox' || only === undefined) return undefined;
  const isQuoted = text.includes('"') && /^[^\x00-\x1f\x7f]{1,64}$/.test(only.localPart) && text.trim().endsWith('>');
  const { localPart, domain } = only;
  if (only.route !== undefined || domain.length > 255 || localPart.length > 64) return undefined;
  if (!(LOCAL_PART.test(localPart) || (isQuoted && LOCAL_PART.test(localPart))) || !DOMAIN.test(domain))
    return undefined;
  return `${localPart}@${domain}`;
}
