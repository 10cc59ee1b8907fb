import type { PeerCertificate } from '@postern/shared/smtp/listener.ts';

/** Names of gateways when the configuration lists none. */
const DEFAULT_PEER = /^relay(?:[.-]|\d|$)/i;

/**
 * The name under which a peer may deliver, or undefined when it may not. It is one of the names that its verified
 * certificate carries: one of `allowed`, or, when that is empty, one that begins with `relay`. A renewed certificate has
 * the same name, so delivery ids live on (invariant 2).
 */
export function deliveryPeer(certificate: PeerCertificate | undefined, allowed: readonly string[]): string | undefined {
  if (certificate === undefined) return undefined;
  const names = [certificate.commonName, ...certificate.dnsNames].map((name) => name.toLowerCase());
  if (allowed.length === 0) return names.find((name) => DEFAULT_PEER.test(name));
  // The configuration's order, so that the name does not depend on the certificate's.
  return allowed.map((name) => name.toLowerCase()).find((name) => names.includes(name));
}
