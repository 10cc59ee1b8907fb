import { BlockList, isIPv6 } from 'node:net';

/**
 * Hosts that sign many users in, such as the webmail host: known by the name of their certificate or by their address.
 * Failures there are held against the account alone, never against the host.
 */
export class TrustedClients {
  readonly #peers: ReadonlySet<string>;
  readonly #addresses = new BlockList();

  /** @param addresses single ones and networks: `192.0.2.1`, `192.0.2.0/28` */
  constructor(peers: readonly string[], addresses: readonly string[]) {
    this.#peers = new Set(peers.map((name) => name.toLowerCase()));
    for (const text of addresses) {
      const [address = '', prefix] = text.split('/');
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      this.#addresses.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
    }
  }

  /** The name under which a verified certificate is trusted; undefined when it is not. */
  peer(names: readonly string[]): string | undefined {
    return names.map((name) => name.toLowerCase()).find((name) => this.#peers.has(name));
  }

  hasAddress(client: string): boolean {
    const plain = client.replace(/^::ffff:(?=\d+\.)/i, '');
    return this.#addresses.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  }
}
