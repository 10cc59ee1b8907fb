import { isIPv4, isIPv6 } from 'node:net';

/** An address in one form: IPv4-mapped IPv6 (RFC 4291 §2.5.5.2) is the IPv4 address that it is; no zone index. */
export function plainAddress(address: string): string {
  const plain = address.replace(/%.*$/, '').toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  return mapped ?? plain;
}

/** The address as labels in reverse: octets of IPv4, nibbles of IPv6 (RFC 5782 §2.1, §2.4; RFC 3596 §2.5). */
export function reversedLabels(address: string): string {
  if (isIPv4(address)) return address.split('.').reverse().join('.');
  return [...ipv6Hex(address)].reverse().join('.');
}

/** Name of the PTR record. */
export function pointerName(address: string): string {
  return `${reversedLabels(address)}.${isIPv4(address) ? 'in-addr.arpa' : 'ip6.arpa'}`;
}

/** The network that answers for an address: /24 of IPv4, /64 of IPv6. */
export function networkOf(address: string): string {
  if (isIPv4(address)) return `${address.split('.').slice(0, 3).join('.')}.0/24`;
  return `${ipv6Hex(address)
    .slice(0, 16)
    .replace(/(.{4})(?=.)/g, '$1:')}::/64`;
}

/** Whether two texts are the same address, however they are written. */
export function sameAddress(one: string, other: string): boolean {
  if (isIPv6(one) && isIPv6(other)) return ipv6Hex(one) === ipv6Hex(other);
  return one === other;
}

/** 32 hex digits (RFC 4291 §2.2); all zero for what is no address. */
function ipv6Hex(address: string): string {
  if (!isIPv6(address)) return '0'.repeat(32);
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text =
    dotted === null
      ? address
      : `${dotted[1]}${hex16(Number(dotted[2]) * 256 + Number(dotted[3]))}:${hex16(Number(dotted[4]) * 256 + Number(dotted[5]))}`;
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = new Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right]
    .map((group) => group.padStart(4, '0'))
    .join('')
    .toLowerCase();
}

function hex16(value: number): string {
  return value.toString(16);
}
