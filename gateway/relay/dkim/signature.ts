import type { Canonicalization } from './canonical.ts';
import { readNames, readTagList } from './tag-list.ts';

/** What a DKIM-Signature field says (RFC 6376 §3.5). */
export interface DkimSignature {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
  readonly headerForm: Canonicalization;
  readonly bodyForm: Canonicalization;
  /** Lower case, in the order in which they are hashed. */
  readonly signedFields: readonly string[];
  readonly bodyHash: string;
  /** Base64. */
  readonly signature: string;
  /** Octets of the canonical body that are signed; all when undefined. */
  readonly bodyOctets: number | undefined;
  readonly expiresAt: Date | undefined;
  /** Domain of the identity that signs: the same, or one below (`i=`). */
  readonly identityDomain: string;
}

/** A signature that cannot be verified, with what is known of it and RFC 8601's result. */
export interface UnusableSignature {
  readonly result: 'neutral' | 'policy' | 'permerror';
  readonly why: string;
  readonly domain: string | undefined;
  readonly selector: string | undefined;
  readonly algorithm: string | undefined;
  readonly signature: string | undefined;
}

/** RFC 6376 §3.5 sub-domain and RFC 8616 §3: letters, digits, hyphens, underscores, and all beyond US-ASCII. */
const NAME = /^[\w\u0080-\uffff](?:[\w.\u0080-\uffff-]*[\w\u0080-\uffff])?$/;
const SECONDS = /^\d{1,12}$/;
const OCTETS = /^\d{1,76}$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Reads the field's value; RFC 6376 §6.1.1 says what makes a signature invalid. */
export function readSignature(value: string): DkimSignature | UnusableSignature {
  const tags = readTagList(value);
  const domain = tags?.get('d');
  const selector = tags?.get('s');
  const algorithm = tags?.get('a')?.toLowerCase();
  const signature = tags?.get('b')?.replace(/[ \t\r\n]+/g, '');
  const unusable = (why: string, result: UnusableSignature['result'] = 'neutral'): UnusableSignature => ({
    result,
    why,
    domain: domain !== undefined && NAME.test(domain) ? domain : undefined,
    selector: selector !== undefined && NAME.test(selector) ? selector : undefined,
    algorithm: algorithm !== undefined && NAME.test(algorithm) ? algorithm : undefined,
    signature: signature !== undefined && BASE64.test(signature) ? signature : undefined,
  });

  if (tags === undefined) return unusable('signature syntax error');
  if (tags.get('v') !== '1') return unusable(tags.has('v') ? 'incompatible version' : 'signature missing required tag');
  const bodyHash = tags.get('bh')?.replace(/[ \t\r\n]+/g, '');
  const fields = tags.get('h');
  if (!domain || !selector || !algorithm || !signature || !bodyHash || !fields) {
    return unusable('signature missing required tag', 'permerror');
  }
  if (!NAME.test(domain) || !NAME.test(selector)) return unusable('signature syntax error');
  if (!BASE64.test(signature) || !BASE64.test(bodyHash)) return unusable('signature syntax error');
  // RFC 8301 §3.1: SHA-1 must not be used, whatever the signer says.
  if (algorithm === 'rsa-sha1') return unusable('weak algorithm', 'policy');
  if (algorithm !== 'rsa-sha256' && algorithm !== 'ed25519-sha256') return unusable('unknown algorithm');

  const forms = readForms(tags.get('c'));
  if (forms === undefined) return unusable('unknown canonicalization');
  const signedFields = readNames(fields);
  if (!signedFields.includes('from')) return unusable('From field not signed', 'permerror');
  const methods = tags.get('q');
  if (methods !== undefined && !readNames(methods).includes('dns/txt')) return unusable('unsupported query method');

  const [octets, signedAt, expires] = [tags.get('l'), tags.get('t'), tags.get('x')];
  if (octets !== undefined && !OCTETS.test(octets)) return unusable('signature syntax error');
  if ([signedAt, expires].some((at) => at !== undefined && !SECONDS.test(at)))
    return unusable('signature syntax error');
  if (signedAt !== undefined && expires !== undefined && Number(expires) <= Number(signedAt)) {
    return unusable('signature expires before it was made');
  }
  const identity = tags.get('i') ?? `@${domain}`;
  const identityDomain = identity.slice(identity.lastIndexOf('@') + 1).toLowerCase();
  if (!identity.includes('@') || !isWithin(identityDomain, domain.toLowerCase())) return unusable('domain mismatch');

  return {
    domain,
    selector,
    algorithm,
    ...forms,
    signedFields,
    bodyHash,
    signature,
    bodyOctets: octets === undefined ? undefined : Number(octets),
    expiresAt: expires === undefined ? undefined : new Date(Number(expires) * 1000),
    identityDomain,
  };
}

/** RFC 6376 §3.5 `c=`: header and body; simple where nothing stands. */
function readForms(value = 'simple/simple'): Pick<DkimSignature, 'headerForm' | 'bodyForm'> | undefined {
  const [headerForm, bodyForm = 'simple', more] = value.toLowerCase().split('/');
  if (more !== undefined || !isForm(headerForm) || !isForm(bodyForm)) return undefined;
  return { headerForm, bodyForm };
}

function isForm(name: string | undefined): name is Canonicalization {
  return name === 'simple' || name === 'relaxed';
}

function isWithin(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}
