import { domainToASCII } from 'node:url';

/**
 * Names as they may be given to new entries. Each is made of signs that mean nothing in a DN, a filter or a header (RFC 4514
 * §2.4, RFC 4515 §3), so that no input becomes syntax anywhere; entries that others have made are found all the same.
 */

/** A domain in A-labels and lower case; undefined when it is none. */
export function readDomain(text: string): string | undefined {
  const ascii = domainToASCII(text.trim().toLowerCase());
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
  return ascii.length <= 253 && new RegExp(`^${label}(?:\\.${label})+$`).test(ascii) ? ascii : undefined;
}

/** A local part (RFC 5321 §4.1.2 Dot-string, without the signs that mean something elsewhere); undefined when it is none. */
export function readLocalPart(text: string): string | undefined {
  const local = text.trim().toLowerCase();
  return local.length <= 64 && /^[a-z0-9_](?:[a-z0-9_'&-]|\.(?!\.|$))*$/.test(local) ? local : undefined;
}

/** `local@domain` of one of our accounts or aliases; `@domain` where a catch-all may be meant. */
export function readOwnAddress(
  text: string,
  allowCatchAll = false,
): { local: string; domain: string; address: string } | undefined {
  const at = text.lastIndexOf('@');
  const domain = at < 0 ? undefined : readDomain(text.slice(at + 1));
  const local = allowCatchAll && at === 0 ? '' : at < 0 ? undefined : readLocalPart(text.slice(0, at));
  return domain === undefined || local === undefined ? undefined : { local, domain, address: `${local}@${domain}` };
}

/** Where mail may go on to: any address (RFC 5321 §4.1.2), or `@domain` or a bare name where aliases allow them. */
export function readTarget(text: string, allowShort: boolean): string | undefined {
  const target = text.trim();
  const at = target.lastIndexOf('@');
  if (target.length > 320) return undefined;
  if (at < 0) return allowShort ? readLocalPart(target) : undefined;
  const domain = readDomain(target.slice(at + 1));
  if (domain === undefined) return undefined;
  const local = target.slice(0, at);
  if (local === '') return allowShort ? `@${domain}` : undefined;
  return /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/.test(local)
    ? `${local}@${domain}`
    : undefined;
}

/** Text of one line for people; undefined when it holds controls or is too long. */
export function readText(text: string, maxLength = 200): string | undefined {
  const trimmed = text.trim();
  return trimmed.length > maxLength || /[\x00-\x1f\x7f\u2028\u2029]/.test(trimmed) ? undefined : trimmed;
}

export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}
