import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { TlsIdentity } from '@postern/shared/runtime/tls.ts';
import type { Check, Finding } from './finding.ts';

/** A certificate that a configuration names, and what it is good for. */
export interface CertificateInUse {
  readonly identity: TlsIdentity;
  /** PEM file of the CA that others trust, where it is a CA of ours. */
  readonly ca?: string | undefined;
  /** Name or address under which clients know it. */
  readonly host?: string | undefined;
}

const DAY_MS = 86_400_000;
const SOON_DAYS = 21;
const RENEW = "Renew it: 'postern certificates renew', or your ACME client; then reload the service (SIGHUP).";

/** Each certificate: readable, with its key, signed by the CA, not expired, for the right name. */
export function certificatesCheck(used: readonly CertificateInUse[], now = new Date()): Check {
  return { name: 'certificates', run: async () => used.map((one) => examine(one, now)) };
}

function examine({ identity, ca, host }: CertificateInUse, now: Date): Finding {
  const finding = (status: Finding['status'], found: string, advice?: string): Finding => {
    return { check: 'certificates', subject: identity.cert, status, found, advice };
  };
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(readFileSync(identity.cert));
    const key = createPrivateKey(readFileSync(identity.key));
    if (!leaf.checkPrivateKey(key)) {
      return finding(
        'fault',
        `the key ${identity.key} belongs to another certificate`,
        'Put the pair in place together.',
      );
    }
  } catch (error) {
    const advice =
      'Make it with ‘postern certificates make’, or correct the path; the user that asks must be able to read it.';
    return finding('fault', (error as Error).message, advice);
  }
  if (ca !== undefined && !authorities(ca).some((authority) => leaf.verify(authority.publicKey))) {
    return finding('fault', `${ca} did not sign it`, 'Give both ends the ca.pem of the CA that issued it.');
  }
  if (host !== undefined && !carries(leaf, host)) {
    return finding(
      'fault',
      `it does not carry the name ${host}`,
      'Add the name to the plan of certificates and make it anew.',
    );
  }
  const daysLeft = Math.trunc((leaf.validToDate.getTime() - now.getTime()) / DAY_MS);
  if (leaf.validFromDate > now) return finding('fault', 'it is not valid yet', 'Look at the clock of this host.');
  if (leaf.validToDate < now) return finding('fault', `it expired ${-daysLeft} days ago`, RENEW);
  if (daysLeft < SOON_DAYS) return finding('warning', `it expires in ${daysLeft} days`, RENEW);
  return finding('ok', `good for ${daysLeft} days`);
}

function authorities(path: string): X509Certificate[] {
  const blocks = readFileSync(path, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function carries(leaf: X509Certificate, host: string): boolean {
  const found = isIP(host) === 0 ? leaf.checkHost(host, { subject: 'never' }) : leaf.checkIP(host);
  return found !== undefined;
}
