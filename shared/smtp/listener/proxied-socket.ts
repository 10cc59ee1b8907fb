import { BlockList, isIPv6, type Socket } from 'node:net';
import { type ProxiedEnd, parseProxyHeader } from './proxy-header.ts';

/** A proxy is near, and its header is its first packet. */
const HEADER_MS = 5_000;

/** Addresses and networks in a form that answers quickly. Throws on what is neither. */
export function networkList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/** Whether an address of a socket is in the list; IPv4 within IPv6 counts as IPv4. */
export function isListed(list: BlockList, address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

/** What a proxy said: the client and the address that it talked to; undefined both for a health check. */
export interface Proxied {
  readonly client?: ProxiedEnd | undefined;
  readonly server?: ProxiedEnd | undefined;
}

/** Reads the PROXY header from a fresh socket and leaves the rest in it. Rejects, with the socket destroyed, when it is none. */
export function readProxyHeader(socket: Socket): Promise<Proxied> {
  return new Promise((resolve, reject) => {
    let octets: Buffer = Buffer.alloc(0);
    const end = (error?: Error): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable).off('error', end).off('end', onEnd).off('close', onEnd);
      if (error === undefined) return;
      // What still comes of a broken socket is nobody's affair.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onEnd = (): void => end(new Error('the connection ended before its PROXY header'));
    const timer = setTimeout(() => end(new Error('no PROXY header in time')), HEADER_MS);
    const onReadable = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        octets = Buffer.concat([octets, chunk]);
        const header = parseProxyHeader(octets);
        if (header.kind === 'more') continue;
        if (header.kind === 'bad') {
          end(new Error(`bad PROXY header: ${header.cause}`));
          return;
        }
        end();
        if (octets.length > header.octets) socket.unshift(octets.subarray(header.octets));
        resolve(header);
        return;
      }
    };
    socket.on('readable', onReadable).on('error', end).on('end', onEnd).on('close', onEnd);
  });
}
