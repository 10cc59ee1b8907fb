import { isIP } from 'node:net';

/** An IPv4 or IPv6 network, or a single address as a network of full length. */
export interface Prefix {
  readonly family: 4 | 6;
  /** First address, as a number. */
  readonly first: bigint;
  readonly length: number;
  /** As it was written: `10.1.0.0/16`, or a bare address. */
  readonly text: string;
}

const BITS = { 4: 32, 6: 128 } as const;

/**
 * Reads `10.1.0.0/16`, `2001:db8::/32` or a bare address.
 *
 * @throws TypeError with one sentence when it is neither, or when bits beyond the length are set
 */
export function parsePrefix(text: string): Prefix {
  const [address = '', lengthText, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || address.includes('%') || rest.length > 0)
    throw new TypeError(`${text} is no address or network`);
  const family = version as 4 | 6;
  const length = lengthText === undefined ? BITS[family] : Number(lengthText);
  if (!/^\d{1,3}$/.test(lengthText ?? '0') || length > BITS[family]) throw new TypeError(`${text}: no such length`);
  const first = family === 4 ? ipv4(address) : ipv6(address);
  if ((first & hostMask(family, length)) !== 0n) throw new TypeError(`${text} has bits set beyond its length`);
  return { family, first, length, text };
}

/** Whether every address of `inner` lies in `outer`. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  if (outer.family !== inner.family || inner.length < outer.length) return false;
  return (inner.first & ~hostMask(outer.family, outer.length)) === outer.first;
}

/** Whether two networks share an address. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** Whether two spellings name one address (`fd00::1` and `FD00:0::1`). */
export function sameAddress(a: string, b: string): boolean {
  if (isIP(a) === 0 || isIP(b) === 0) return false;
  return contains(parsePrefix(a), parsePrefix(b));
}

function hostMask(family: 4 | 6, length: number): bigint {
  return (1n << BigInt(BITS[family] - length)) - 1n;
}

function ipv4(text: string): bigint {
  return text.split('.').reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
}

/** RFC 4291 §2.2: groups of hexadecimal digits, one `::`, perhaps an IPv4 address at the end. */
function ipv6(text: string): bigint {
  const [left = '', right] = text.split('::');
  const head = groups(left);
  if (right === undefined) return join(head);
  const tail = groups(right);
  return join([...head, ...new Array<bigint>(8 - head.length - tail.length).fill(0n), ...tail]);
}

function groups(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const value = ipv4(group);
    return [value >> 16n, value & 0xffffn];
  });
}

function join(parts: readonly bigint[]): bigint {
  return parts.reduce((sum, part) => (sum << 16n) + part, 0n);
}

/**
 * Networks that never stand as a source or destination on the Internet: RFC 1918, RFC 6598, RFC 3927, loopback, RFC 5735 §3, RFC 4193,
 * link-local and multicast sources. Documentation networks are left out, because examples and tests stand in them.
 */
export const NEVER_OUTSIDE: readonly Prefix[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/3',
  '::1/128',
  'fc00::/7',
  'fec0::/10',
].map(parsePrefix);
