import { isIP, isIPv4, isIPv6 } from 'node:net';

/** One end of the client's connection, as the proxy saw it. */
export interface ProxiedEnd {
  readonly address: string;
  readonly port: number;
}

/**
 * What the first octets of a connection from a proxy say (HAProxy's “The PROXY protocol”, versions 1 and 2). `more`: not yet
 * complete. Without `client` the proxy speaks for itself (LOCAL, UNKNOWN): a health check.
 */
export type ProxyHeader =
  | { readonly kind: 'more' }
  | { readonly kind: 'bad'; readonly cause: string }
  | {
      readonly kind: 'header';
      /** Octets of the header; what follows is the client's. */
      readonly octets: number;
      readonly client?: ProxiedEnd | undefined;
      readonly server?: ProxiedEnd | undefined;
    };

/** §2.1: “a 108-byte buffer is always enough” for version 1, with a NUL. */
const MAX_LINE = 107;
/** §2.2 allows 65,535 octets after the fixed part; addresses and what proxies add stay far below this. */
const MAX_VERSION_2 = 2_048;
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const LINE_START = Buffer.from('PROXY ');
const MORE: ProxyHeader = { kind: 'more' };

/** Reads the header at the beginning of what has come so far. Pure; octets may be cut anywhere. */
export function parseProxyHeader(octets: Buffer): ProxyHeader {
  if (beginsLike(octets, SIGNATURE)) return octets.length < 16 ? MORE : version2(octets);
  if (beginsLike(octets, LINE_START)) return version1(octets);
  return bad('not a PROXY header');
}

function beginsLike(octets: Buffer, expected: Buffer): boolean {
  const length = Math.min(octets.length, expected.length);
  return octets.subarray(0, length).equals(expected.subarray(0, length));
}

/** §2.1: `PROXY TCP4 192.0.2.1 198.51.100.1 40000 25` CRLF. */
function version1(octets: Buffer): ProxyHeader {
  const lf = octets.subarray(0, MAX_LINE).indexOf(0x0a);
  if (lf < 0) return octets.length >= MAX_LINE ? bad('the line is too long') : MORE;
  const line = octets.toString('latin1', 0, lf + 1);
  if (!line.endsWith('\r\n')) return bad('the line does not end in CRLF');
  const end = lf + 1;
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = line
    .slice(0, -2)
    .split(' ');
  if (family === 'UNKNOWN') return { kind: 'header', octets: end };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  if (isAddress === undefined) return bad('neither TCP4, TCP6 nor UNKNOWN');
  const ports = [sourcePort, destinationPort].map(portOf);
  const [from, to] = ports;
  if (rest.length > 0 || !isAddress(source) || !isAddress(destination)) return bad('bad addresses');
  if (from === undefined || to === undefined) return bad('bad ports');
  return {
    kind: 'header',
    octets: end,
    client: { address: source, port: from },
    server: { address: destination, port: to },
  };
}

function portOf(text: string): number | undefined {
  const port = /^(?:0|[1-9]\d{0,4})$/.test(text) ? Number(text) : 65_536;
  return port > 65_535 ? undefined : port;
}

/** §2.2: signature, version and command, family and transport, length, addresses, then type-length-values. */
function version2(octets: Buffer): ProxyHeader {
  const versionAndCommand = octets[12]!;
  const family = octets[13]!;
  const length = octets.readUInt16BE(14);
  const end = 16 + length;
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) return bad('neither LOCAL nor PROXY of version 2');
  if (end > MAX_VERSION_2) return bad('the header is too long');
  if (octets.length < end) return MORE;
  // LOCAL: whatever addresses it has are to be ignored. AF_UNSPEC: the proxy does not know.
  if (versionAndCommand === 0x20 || family === 0x00) return { kind: 'header', octets: end };
  const addressOctets = family === 0x11 ? 4 : family === 0x21 ? 16 : undefined;
  if (addressOctets === undefined) return bad('neither TCP over IPv4 nor over IPv6');
  if (length < 2 * addressOctets + 4) return bad('too short for its addresses');
  const at = 16 + 2 * addressOctets;
  return {
    kind: 'header',
    octets: end,
    client: { address: addressOf(octets.subarray(16, 16 + addressOctets)), port: octets.readUInt16BE(at) },
    server: { address: addressOf(octets.subarray(16 + addressOctets, at)), port: octets.readUInt16BE(at + 2) },
  };
}

function addressOf(octets: Buffer): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(2 * i).toString(16));
  const text = groups.join(':');
  return isIP(text) === 6 ? text : '::';
}

function bad(cause: string): ProxyHeader {
  return { kind: 'bad', cause };
}
