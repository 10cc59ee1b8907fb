import { domainToASCII } from 'node:url';
import type { AddressQuestion } from './presets/preset.ts';

export interface AddressRules {
  readonly baseDn: string;
  readonly defaultDomain?: string | undefined;
  /** Empty when tags are not followed. */
  readonly subaddressSeparator: string;
}

/**
 * Takes an address apart: lower case, A-labels, the default domain for a bare name (`Postmaster`, RFC 5321 §4.5.1), and
 * the address without its tag (RFC 5233 §1). Undefined when it cannot be an address here.
 */
export function askFor(address: string, rules: AddressRules): AddressQuestion | undefined {
  const text = address.trim().toLowerCase();
  const at = text.lastIndexOf('@');
  const local = at < 0 ? text : text.slice(0, at);
  const named = at < 0 ? rules.defaultDomain?.toLowerCase() : text.slice(at + 1);
  if (local === '' || named === undefined || named === '') return undefined;
  // An address literal or a name with odd signs has no A-label form and is asked for as it is.
  const domain = domainToASCII(named) || named;
  const tagAt = rules.subaddressSeparator === '' ? -1 : local.indexOf(rules.subaddressSeparator);
  return {
    domain,
    address: `${local}@${domain}`,
    untagged: tagAt > 0 ? `${local.slice(0, tagAt)}@${domain}` : undefined,
    isDefaultDomain: domain === rules.defaultDomain?.toLowerCase(),
    baseDn: rules.baseDn,
  };
}
