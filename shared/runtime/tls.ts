import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { z } from 'zod';

/** Certificate and key of one end of TLS, as files in PEM. */
export const tlsIdentity = () =>
  z.strictObject({
    cert: z.string().describe('PEM file of the certificate chain, leaf first.'),
    key: z.string().describe('PEM file of the private key; readable by the process alone.'),
  });

export type TlsIdentity = z.infer<ReturnType<typeof tlsIdentity>>;

/** The PEM texts of an identity. Throws with the file's name when one cannot be read: no service starts without. */
export function readTlsIdentity(identity: TlsIdentity): { cert: string; key: string } {
  return { cert: readFileSync(identity.cert, 'utf8'), key: readFileSync(identity.key, 'utf8') };
}

/** TLS 1.2 and newer only (RFC 8996, RFC 9325 §3.1.1). */
export const MIN_TLS_VERSION = 'TLSv1.2' as const;

/** A server-side context for an identity; with `ca` for peers whose certificates are verified. */
export function serverContext(identity: TlsIdentity, ca?: string): SecureContext {
  return createSecureContext({
    ...readTlsIdentity(identity),
    ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
    minVersion: MIN_TLS_VERSION,
  });
}
