import { isIPv6, SocketAddress } from 'node:net';

/** The addresses of gateway.yaml, as far as the legs are concerned. */
export interface LegSettings {
  readonly innerAddress: string;
  readonly smtp: { readonly listen: readonly { readonly address: string }[] };
  readonly submission?: { readonly listen: readonly { readonly address: string }[] } | undefined;
  readonly directory: { readonly localAddress?: string | undefined };
  readonly metrics?: { readonly listen: { readonly address: string } } | undefined;
  readonly admin?: { readonly listen: { readonly address: string } } | undefined;
  readonly outbound?:
    | { readonly localAddress: string; readonly listen?: { readonly address: string } | undefined }
    | undefined;
}

export interface LegFault {
  /** The setting. */
  readonly path: readonly string[];
  readonly message: string;
}

/** Services that belong to the private leg, and what would happen on the other. */
const PRIVATE_SERVICES = {
  metrics: 'strangers could read the metrics',
  admin: 'strangers could reach the administration',
  outbound: 'strangers could hand over mail for the world',
} as const;

/**
 * What is wrong with the legs: a service of the private leg on the public one or on neither, and connections that would
 * leave from the wrong one. A host with one leg alone (`innerAddress` is the public address) may relay, and has no service
 * of the private leg.
 */
export function legFaults(settings: LegSettings): LegFault[] {
  const faults: LegFault[] = [];
  const { outbound, directory } = settings;
  const inner = canonical(settings.innerAddress);
  const listened = [...settings.smtp.listen, ...(settings.submission?.listen ?? [])].map(({ address }) =>
    canonical(address),
  );
  const publicLeg = new Set(outbound === undefined ? listened : [...listened, canonical(outbound.localAddress)]);
  for (const name of Object.keys(PRIVATE_SERVICES) as (keyof typeof PRIVATE_SERVICES)[]) {
    const address = settings[name]?.listen?.address;
    if (address === undefined) continue;
    const path = [name, 'listen', 'address'];
    if (publicLeg.has(canonical(address))) {
      const message = `${address} is the public leg, where ${PRIVATE_SERVICES[name]}: name an address of the private leg`;
      faults.push({ path, message });
    } else if (canonical(address) !== inner && !isLoopback(address)) {
      const message = `${address} is neither the private leg (innerAddress ${settings.innerAddress}) nor loopback`;
      faults.push({ path, message });
    }
  }
  if (outbound !== undefined && canonical(outbound.localAddress) === inner && !listened.includes(inner)) {
    const message = `${outbound.localAddress} is the private leg: mail to the outside leaves from the public one, or it could go inwards`;
    faults.push({ path: ['outbound', 'localAddress'], message });
  }
  if (directory.localAddress !== undefined && canonical(directory.localAddress) !== inner) {
    const message = `${directory.localAddress} is not the private leg (innerAddress ${settings.innerAddress}), from which alone connections go inwards`;
    faults.push({ path: ['directory', 'localAddress'], message });
  }
  return faults;
}

/** One spelling for each address. */
function canonical(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIPv6(plain) ? new SocketAddress({ address: plain, family: 'ipv6' }).address : plain;
}

function isLoopback(address: string): boolean {
  const plain = canonical(address);
  return plain === '::1' || plain.startsWith('127.');
}
