import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { MIN_TLS_VERSION, readTlsIdentity, type TlsIdentity } from '@postern/shared/runtime/tls.ts';

/** What was read last, by the files’ names. */
const contexts = new Map<string, { readonly texts: string; readonly context: SecureContext }>();

/**
 * The TLS context towards the store: one for all connections, since each of its own would hold certificates and CA again. The files
 * are looked at every time, so that renewed ones hold at once.
 *
 * @throws when one cannot be read or does not load
 */
export function storeContext(caFile: string, identity: TlsIdentity): SecureContext {
  const ca = readFileSync(caFile, 'utf8');
  const { cert, key } = readTlsIdentity(identity);
  const name = JSON.stringify([caFile, identity.cert, identity.key]);
  const texts = JSON.stringify([ca, cert, key]);
  const known = contexts.get(name);
  if (known?.texts === texts) return known.context;
  const context = createSecureContext({ ca, cert, key, minVersion: MIN_TLS_VERSION });
  contexts.set(name, { texts, context });
  return context;
}
