import { hash } from 'node:crypto';

/** Hierarchy separator of every mailbox name. */
export const SEPARATOR = '/';

const MAX_NAME_LENGTH = 1000;
const MAX_COMPONENT_OCTETS = 255;
const MAX_DEPTH = 50;

export type CheckedName =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'invalid-name'; readonly why: string };

/**
 * The one spelling of a mailbox name: Unicode NFC (RFC 9051 §5.1), a trailing separator dropped (§6.3.4), INBOX in any
 * case made INBOX (§5.1), also as first component.
 */
export function checkMailboxName(given: string): CheckedName {
  const name = canonicalMailboxName(given);
  const components = name.split(SEPARATOR);
  if (name === '') return invalid('the name is empty');
  if (name.length > MAX_NAME_LENGTH) return invalid('the name is too long');
  if (components.length > MAX_DEPTH) return invalid('the name has too many levels');
  if (components.includes('')) return invalid('a level of the name is empty');
  if (components.some((c) => Buffer.byteLength(c) > MAX_COMPONENT_OCTETS)) return invalid('a level is too long');
  // RFC 9051 §5.1: `%` and `*` would be wildcards in LIST; controls and lone surrogates have no form on the wire.
  if (/[%*\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(name)) return invalid('the name has forbidden characters');
  if (!name.isWellFormed()) return invalid('the name is not well-formed Unicode');
  return { kind: 'name', name };
}

/** The same without the checks: for looking a name up. */
export function canonicalMailboxName(given: string): string {
  const name = given.normalize('NFC');
  const trimmed = name.endsWith(SEPARATOR) ? name.slice(0, -1) : name;
  // The regular expression costs more than the rest: few names begin with an I.
  return (trimmed.charCodeAt(0) | 0x20) === 0x69 ? trimmed.replace(/^inbox(?=\/|$)/i, 'INBOX') : trimmed;
}

/** Names that are asked for again and again, most of them in every account. */
const hashes = new Map<string, Buffer>();
const MOST_HASHES = 10_000;

/** What UNIQUE(owner_id, name_hash) holds: names are longer than an index takes. Do not write to it. */
export function mailboxNameHash(canonicalName: string): Buffer {
  let known = hashes.get(canonicalName);
  if (known === undefined) {
    known = hash('sha256', canonicalName, 'buffer');
    if (hashes.size >= MOST_HASHES) hashes.clear();
    hashes.set(canonicalName, known);
  }
  return known;
}

/** `a/b/c` → `a`, `a/b`. */
export function parentNames(name: string): string[] {
  const components = name.split(SEPARATOR);
  return components.slice(1).map((_, i) => components.slice(0, i + 1).join(SEPARATOR));
}

function invalid(why: string): CheckedName {
  return { kind: 'invalid-name', why };
}
