import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import { checkServerIdentity, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import type { DnsAnswer, TlsaRecord } from '../dns/resolver.ts';

/**
 * DANE for SMTP (RFC 7672): whether a server's certificate is the one that its domain's TLSA records name. Pure but for the
 * clock in a certificate's validity.
 */

const CERTIFICATE_USAGE = { trustAnchor: 2, endEntity: 3 } as const;

/** What the TLSA records of a host ask for. */
export type DaneDemand =
  | { readonly kind: 'none' }
  /** TLS at least: the records are secure, and all of them unusable (RFC 7672 §2.2). */
  | { readonly kind: 'encryption' }
  | { readonly kind: 'certificate'; readonly records: readonly TlsaRecord[] }
  /** Bogus or no answer: the host must not be used now (RFC 7672 §2.1.2). */
  | { readonly kind: 'unknown'; readonly cause: string };

export function daneDemand(answer: DnsAnswer): DaneDemand {
  if (answer.kind === 'unknown') return { kind: 'unknown', cause: answer.cause };
  if (answer.kind === 'none' || answer.authenticated !== true) return { kind: 'none' };
  const records = answer.records.filter(isTlsa);
  const usable = records.filter(isUsable);
  return usable.length > 0 ? { kind: 'certificate', records: usable } : { kind: 'encryption' };
}

function isTlsa(record: unknown): record is TlsaRecord {
  return typeof record === 'object' && record !== null && 'matchingType' in record;
}

/** RFC 7672 §3.1.3: PKIX-TA(0) and PKIX-EE(1) are unusable for SMTP. */
function isUsable({ usage, selector, matchingType, data }: TlsaRecord): boolean {
  const known = usage === CERTIFICATE_USAGE.trustAnchor || usage === CERTIFICATE_USAGE.endEntity;
  const length = { 0: undefined, 1: 32, 2: 64 }[matchingType];
  return known && selector <= 1 && matchingType <= 2 && (length === undefined || data.length === length);
}

/**
 * Undefined when the chain of a TLS session matches, else why it does not.
 *
 * @param names of which the certificate must carry one where a trust anchor vouches for it (RFC 7672 §3.2.2)
 */
export function judgeByDane(socket: TLSSocket, records: readonly TlsaRecord[], names: readonly string[]) {
  const chain = chainOf(socket);
  const [leaf] = chain;
  if (leaf === undefined) return 'the server shows no certificate';
  // RFC 7672 §3.1.1: names and dates of an end entity's certificate do not count.
  if (records.some((r) => r.usage === CERTIFICATE_USAGE.endEntity && matches(r, leaf))) return undefined;
  for (const record of records.filter((r) => r.usage === CERTIFICATE_USAGE.trustAnchor)) {
    const at = chain.findIndex((certificate) => matches(record, certificate));
    if (at >= 0 && isValidUpTo(chain, at) && names.some((name) => carries(socket, name))) return undefined;
  }
  return 'no TLSA record matches the certificate';
}

function matches({ selector, matchingType, data }: TlsaRecord, certificate: X509Certificate): boolean {
  const whole = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
  const shown =
    matchingType === 0
      ? whole
      : createHash(matchingType === 1 ? 'sha256' : 'sha512')
          .update(whole)
          .digest();
  return shown.length === data.length && timingSafeEqual(shown, data);
}

/** Each certificate signed by the next one, and in its time, up to the anchor. */
function isValidUpTo(chain: readonly X509Certificate[], anchor: number): boolean {
  const now = Date.now();
  return chain.slice(0, anchor + 1).every((certificate, i) => {
    const inTime = Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
    const issuer = chain[i + 1];
    if (i >= anchor) return inTime;
    return inTime && issuer?.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  });
}

function carries(socket: TLSSocket, name: string): boolean {
  return checkServerIdentity(name, socket.getPeerCertificate()) === undefined;
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  for (let depth = 0; at?.raw !== undefined && depth < 10; depth++) {
    chain.push(new X509Certificate(at.raw));
    // A self-signed certificate is its own issuer.
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return chain;
}
