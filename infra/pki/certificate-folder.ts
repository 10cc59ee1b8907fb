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

/**
 * Keeps a CA and the named certificates as `ca.pem`, `ca.key`, `<name>.pem`, `<name>.key` in a folder. What still fits is
 * left as it is; keys are readable by their owner alone.
 */
export async function keepCertificates(
  folder: string,
  requests: Readonly<Record<string, CertificateRequest>>,
  now = new Date(),
): Promise<CertificateReport[]> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const reports: CertificateReport[] = [];
  let authority = read(folder, 'ca');
  let made: string | undefined;
  if (authority === undefined) made = 'there was none';
  else if (expiry(authority.cert).getTime() - now.getTime() < RENEW_AUTHORITY_MS) made = 'the one before expires';
  if (authority === undefined || made !== undefined) {
    authority = await makeAuthority('Postern demo CA', 3650, now);
    write(folder, 'ca', authority);
  }
  reports.push({ name: 'ca', expiresAt: expiry(authority.cert), made });
  for (const [name, request] of Object.entries(requests)) {
    const wanted = { ...request, now };
    let own = read(folder, name);
    const reason = own === undefined ? 'there was none' : reasonToRenew(own.cert, authority, wanted);
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
  const found = { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
  return new X509Certificate(found.cert).checkPrivateKey(createPrivateKey(found.key)) ? found : undefined;
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
