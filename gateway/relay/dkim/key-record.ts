import { createPublicKey, type KeyObject } from 'node:crypto';
import { readNames, readTagList } from './tag-list.ts';

/** A public key as a domain publishes it (RFC 6376 §3.6.1, RFC 8463 §4). */
export interface DkimKey {
  readonly key: KeyObject;
  readonly type: 'rsa' | 'ed25519';
  /** Bits of an RSA key's modulus. */
  readonly bits: number | undefined;
  /** `t=s`: the signer's identity must be of the very domain, not of one below it. */
  readonly sameDomainOnly: boolean;
}

export type KeyRecord = DkimKey | { readonly unusable: string };

const ED25519_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Reads a key record; what cannot be used says why, in the words of RFC 6376 §6.1.2. */
export function readKeyRecord(text: string): KeyRecord {
  const tags = readTagList(text);
  if (tags === undefined) return { unusable: 'key syntax error' };
  const version = tags.get('v');
  if (version !== undefined && (version !== 'DKIM1' || tags.keys().next().value !== 'v')) {
    return { unusable: 'unknown key version' };
  }
  const services = tags.get('s');
  if (services !== undefined && !readNames(services).some((name) => name === '*' || name === 'email')) {
    return { unusable: 'key is not for email' };
  }
  const hashes = tags.get('h');
  if (hashes !== undefined && !readNames(hashes).includes('sha256'))
    return { unusable: 'inappropriate hash algorithm' };
  const encoded = tags.get('p')?.replace(/[ \t\r\n]+/g, '');
  if (encoded === undefined) return { unusable: 'key syntax error' };
  if (encoded === '') return { unusable: 'key revoked' };
  const type = (tags.get('k') ?? 'rsa').toLowerCase();
  if (type !== 'rsa' && type !== 'ed25519') return { unusable: 'inappropriate key algorithm' };
  const key = importKey(Buffer.from(encoded, 'base64'), type);
  if (key === undefined || key.asymmetricKeyType !== type) return { unusable: 'key syntax error' };
  const flags = readNames(tags.get('t') ?? '');
  return { key, type, bits: key.asymmetricKeyDetails?.modulusLength, sameDomainOnly: flags.includes('s') };
}

/** RFC 6376 §3.6.1 asks for the bare RSAPublicKey; what is published is a SubjectPublicKeyInfo. Both are read. */
function importKey(octets: Buffer, type: DkimKey['type']): KeyObject | undefined {
  const forms =
    type === 'ed25519'
      ? [{ key: Buffer.concat([ED25519_PREFIX, octets]), type: 'spki' as const }]
      : [
          { key: octets, type: 'spki' as const },
          { key: octets, type: 'pkcs1' as const },
        ];
  for (const form of forms) {
    try {
      return createPublicKey({ ...form, format: 'der' });
    } catch {
      // The other form, else no key.
    }
  }
  return undefined;
}
