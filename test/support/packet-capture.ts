import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { eventually } from './mailbox.ts';

/** One packet with payload, as tcpdump tells it. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly payload: Buffer;
}

/** tcpdump on the loopback addresses of the private leg; resolves when it listens. */
export async function capture(filter: string, file: string): Promise<ChildProcess> {
  const child = spawn('tcpdump', ['-i', 'lo', '-n', '-U', '-s', '0', '--immediate-mode', '-w', file, filter], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    said += text.toString();
  });
  child.once('exit', () => {
    said += '(ended)';
  });
  await eventually(
    () => Promise.resolve(said),
    (text) => /listening on|\(ended\)/.test(text),
  );
  if (!said.includes('listening on') || said.includes('(ended)')) throw new Error(`tcpdump: ${said.trim()}`);
  return child;
}

/** The TCP payloads of a pcap file (little-endian, Ethernet link type as Linux gives it for `lo`, IPv4). */
export function payloadsOf(file: string): Packet[] {
  const pcap = readFileSync(file);
  if (pcap.readUInt32LE(0) !== 0xa1b2c3d4 || pcap.readUInt32LE(20) !== 1) throw new Error('not a capture of lo');
  const packets: Packet[] = [];
  for (let at = 24; at + 16 <= pcap.length; ) {
    const length = pcap.readUInt32LE(at + 8);
    const ip = pcap.subarray(at + 16 + 14, at + 16 + length);
    at += 16 + length;
    const headerLength = ((ip[0] ?? 0) & 15) * 4;
    const tcp = ip.subarray(headerLength, ip.readUInt16BE(2));
    const payload = tcp.subarray(((tcp[12] ?? 0) >> 4) * 4);
    if (payload.length === 0) continue;
    const address = (offset: number): string => [...ip.subarray(offset, offset + 4)].join('.');
    packets.push({
      from: `${address(12)}:${tcp.readUInt16BE(0)}`,
      to: `${address(16)}:${tcp.readUInt16BE(2)}`,
      payload,
    });
  }
  return packets;
}

/** Octets of each direction of each connection. */
export function streamsOf(packets: readonly Packet[]): Map<string, Buffer> {
  const streams = new Map<string, Buffer[]>();
  for (const { from, to, payload } of packets) {
    const key = `${from} > ${to}`;
    streams.set(key, [...(streams.get(key) ?? []), payload]);
  }
  return new Map([...streams].map(([key, parts]) => [key, Buffer.concat(parts)]));
}

/** RFC 8446 §5.1: content type 20 to 23, version 3.x, length. Whether the octets are TLS records and nothing else. */
export function isTlsRecords(octets: Buffer): boolean {
  let at = 0;
  while (at + 5 <= octets.length) {
    const type = octets[at] ?? 0;
    if (type < 20 || type > 23 || octets[at + 1] !== 3) return false;
    at += 5 + octets.readUInt16BE(at + 3);
  }
  return at === octets.length;
}
