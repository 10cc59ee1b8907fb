import { BlockList, isIPv6, SocketAddress } from 'node:net';

/**
 * Addresses to which mail never goes, whatever the DNS says: our own, loopback, private and special ones (RFC 6890). Otherwise
 * a record in somebody's zone would turn the relay against the hosts behind it.
 */
const SPECIAL: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
  ['::', 128],
  ['::1', 128],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
];

export interface AddressGuard {
  /** Why mail may not go to an address; undefined when it may. */
  refuses(address: string): 'own' | 'special' | undefined;
}

/**
 * @param own addresses of this host
 * @param allowed networks, as `address` or `address/prefix`, to which mail may go all the same
 */
export function addressGuard(own: readonly string[], allowed: readonly string[]): AddressGuard {
  const special = new BlockList();
  for (const [network, prefix] of SPECIAL) special.addSubnet(network, prefix, family(network));
  const permitted = new BlockList();
  for (const one of allowed) {
    const [network = '', prefix] = one.split('/');
    permitted.addSubnet(network, Number(prefix ?? (isIPv6(network) ? 128 : 32)), family(network));
  }
  const ours = new Set(own.map(canonical));
  return {
    refuses(address) {
      const plain = canonical(address);
      if (ours.has(plain) && !isExactly(plain, allowed)) return 'own';
      if (permitted.check(plain, family(plain))) return undefined;
      return special.check(plain, family(plain)) ? 'special' : undefined;
    },
  };
}

/** An own address is allowed by its name alone, not as a member of a network. */
function isExactly(address: string, allowed: readonly string[]): boolean {
  return allowed.some((one) => !one.includes('/') && canonical(one) === address);
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

/** One spelling; an IPv4 address in IPv6's clothes (RFC 4291 §2.5.5.2) is what it is. */
function canonical(address: string): string {
  if (!isIPv6(address)) return address;
  const text = new SocketAddress({ address, family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1] ?? text;
}
