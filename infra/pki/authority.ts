import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A certificate and its private key, as PEM texts. */
export interface CertificateAndKey {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is for: RFC 5280 §4.2.1.12. The relay and the store have both ends of TLS. */
export type CertificateUse = 'server' | 'client';

export interface CertificateRequest {
  readonly commonName: string;
  /** DNS names and IP addresses, RFC 5280 §4.2.1.6; the common name is not looked at by today's clients. */
  readonly names: readonly string[];
  readonly uses: readonly CertificateUse[];
  /** How long it is good from now on. */
  readonly days?: number;
  readonly now?: Date;
}

const DAY_MS = 86_400_000;
/** A clock that is a little behind must not refuse a certificate that was made a moment ago. */
const CLOCK_SKEW_MS = 3_600_000;
const EC = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** Makes a certificate authority (EC P-256) that signs end-entity certificates alone: no further CA below it. */
export async function makeAuthority(commonName: string, days = 3650, now = new Date()): Promise<CertificateAndKey> {
  const made = await generate([{ name: 'commonName', value: commonName }], {
    ...EC,
    ...validity(now, days),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** Issues a certificate (EC P-256) that is signed by `authority`. */
export async function issueCertificate(
  authority: CertificateAndKey,
  request: CertificateRequest,
): Promise<CertificateAndKey> {
  const made = await generate([{ name: 'commonName', value: request.commonName }], {
    ...EC,
    ...validity(request.now ?? new Date(), request.days ?? 397),
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      {
        name: 'extKeyUsage',
        serverAuth: request.uses.includes('server'),
        clientAuth: request.uses.includes('client'),
      },
      {
        name: 'subjectAltName',
        altNames: request.names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
      },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/**
 * Why a certificate has to be issued anew, or undefined when it still fits: signed by this authority, for these names and
 * uses, and good for another `renewDays`.
 */
export function reasonToRenew(
  cert: string,
  authority: CertificateAndKey,
  request: CertificateRequest,
  renewDays = 30,
): string | undefined {
  const leaf = new X509Certificate(cert);
  const now = (request.now ?? new Date()).getTime();
  if (!leaf.verify(new X509Certificate(authority.cert).publicKey)) return 'another authority signed it';
  if (leaf.validToDate.getTime() - now < renewDays * DAY_MS) return `it expires on ${day(leaf.validToDate)}`;
  const missing = request.names.filter((name) =>
    isIP(name) === 0 ? leaf.checkHost(name, { subject: 'never' }) === undefined : leaf.checkIP(name) === undefined,
  );
  if (missing.length > 0) return `it lacks the name ${missing.join(', ')}`;
  // RFC 5280 §4.2.1.12: id-kp-serverAuth and id-kp-clientAuth.
  const oids = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };
  if (request.uses.some((use) => !leaf.keyUsage?.includes(oids[use]))) return 'it is for other uses';
  return undefined;
}

/** A date as `2027-01-31`. */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function validity(now: Date, days: number): { notBeforeDate: Date; notAfterDate: Date } {
  return {
    notBeforeDate: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfterDate: new Date(now.getTime() + days * DAY_MS),
  };
}
