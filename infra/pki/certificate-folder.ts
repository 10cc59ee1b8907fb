import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CertificateAndKey,
  type CertificateRequest,
  issueCertificate,
  makeAuthority,
  reasonToRenew,
} from './authority.ts';

/** What happened to one certificate of the folder, for the progress lines. */
export interface CertificateReport {
  readonly name: string;
  readonly expiresAt: Date;
  /** Why it was made now; undefined when the one from before was kept. */
  readonly made?: string | undefined;
}

/** A CA that is this near to its end is replaced, and every certificate below it with it. */
const RENEW_AUTHORITY_MS = 400 * 86_400_000;

export interface CertificateFolderOptions {
  /** Common name of a CA that has to be made. */
  readonly authorityName?: string | undefined;
  /** A certificate with fewer days left is issued anew. */
  readonly renewDays?: number | undefined;
}

/**
 * Keeps a CA and the named certificates as `ca.pem`, `ca.key`, `<name>.pem`, `<name>.key` in a folder. What still fits is
 * left as it is; keys are readable by their owner alone. After a CA was replaced `ca.pem` holds the new one and, until it expires, the
 * one before: whoever has the new file trusts certificates of both.
 */
export async function keepCertificates(
  folder: string,
  requests: Readonly<Record<string, CertificateRequest>>,
  now = new Date(),
  options: CertificateFolderOptions = {},
): Promise<CertificateReport[]> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const reports: CertificateReport[] = [];
  let authority = read(folder, 'ca');
  let made: string | undefined;
  if (authority === undefined) made = 'there was none';
  else if (expiry(authority.cert).getTime() - now.getTime() < RENEW_AUTHORITY_MS) made = 'the one before expires';
  if (authority === undefined || made !== undefined) {
    const before = authority;
    authority = await makeAuthority(options.authorityName ?? 'Postern demo CA', 3650, now);
    const trusted = before === undefined ? authority.cert : `${authority.cert.trimEnd()}\n${before.cert}`;
    write(folder, 'ca', { cert: trusted, key: authority.key });
  }
  reports.push({ name: 'ca', expiresAt: expiry(authority.cert), made });
  for (const [name, request] of Object.entries(requests)) {
    const wanted = { ...request, now };
    let own = read(folder, name);
    const reason = own === undefined ? 'there was none' : reasonToRenew(own.cert, authority, wanted, options.renewDays);
    if (own === undefined || reason !== undefined) {
      own = await issueCertificate(authority, wanted);
      write(folder, name, own);
    }
    reports.push({ name, expiresAt: expiry(own.cert), made: reason });
  }
  return reports;
}

/** Reads `<name>.pem` and `<name>.key`; undefined when one is not there or they do not belong together. */
function read(folder: string, name: string): CertificateAndKey | undefined {
  const [certPath, keyPath] = paths(folder, name);
  if (!existsSync(certPath) || !existsSync(keyPath)) return undefined;
  const found = { cert: firstCertificate(readFileSync(certPath, 'utf8')), key: readFileSync(keyPath, 'utf8') };
  return new X509Certificate(found.cert).checkPrivateKey(createPrivateKey(found.key)) ? found : undefined;
}

/** The leaf of a chain, or the newest CA of several. */
function firstCertificate(pem: string): string {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/)?.[0] ?? pem;
}

/** Each by rename, so that no half of a file is ever read; a pair that a crash left mixed is noticed and made anew. */
function write(folder: string, name: string, value: CertificateAndKey): void {
  const [certPath, keyPath] = paths(folder, name);
  for (const [path, text, mode] of [
    [keyPath, value.key, 0o600],
    [certPath, value.cert, 0o644],
  ] as const) {
    writeFileSync(`${path}.new`, text, { mode });
    renameSync(`${path}.new`, path);
  }
}

function paths(folder: string, name: string): [string, string] {
  return [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
}

function expiry(cert: string): Date {
  return new X509Certificate(cert).validToDate;
}
