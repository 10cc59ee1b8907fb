import type { KeyObject } from 'node:crypto';

/** The text of a DKIM key record: RSA as RFC 6376 §3.6.1 writes it, Ed25519 as RFC 8463 §4 does (the 32 octets alone). */
export function dkimRecord(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const isEd = publicKey.asymmetricKeyType === 'ed25519';
  const key = isEd ? spki.subarray(spki.length - 32) : spki;
  return `v=DKIM1; k=${isEd ? 'ed25519' : 'rsa'}; p=${key.toString('base64')}`;
}
