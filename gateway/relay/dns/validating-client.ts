import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, isIPv6 } from 'node:net';
import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet';
import type { DnsAnswer, DnsAsker, DnsRecord, RecordType } from './resolver.ts';
import type { DnsSettings } from './settings.ts';

/** RFC 4035 §3.2.3: the resolver's word that DNSSEC proves the answer; asked for by the same bit (RFC 6840 §5.7). */
const AUTHENTIC_DATA = 0x20;
const TRUNCATED = 0x200;
/** RFC 6891 §6.2.5; what passes every path unfragmented. */
const UDP_BYTES = 1_232;

interface Server {
  readonly address: string;
  readonly port: number;
}

/**
 * A stub that asks validating resolvers and believes their AD bit: node's own client does not tell it. The way to them has to be
 * safe (RFC 7672 §2.2), which is why it is a setting.
 */
export function validatingClient(settings: DnsSettings): DnsAsker {
  const servers = (settings.servers.length > 0 ? settings.servers : systemServers()).map(parseServer);
  return {
    askOnce: (name, type) => ask(servers, settings, name, type),
    close: () => undefined,
  };
}

async function ask(
  servers: readonly Server[],
  settings: DnsSettings,
  name: string,
  type: RecordType,
): Promise<DnsAnswer> {
  let cause = 'no name server';
  for (let attempt = 0; attempt < settings.tries * servers.length; attempt++) {
    const server = servers[attempt % servers.length];
    if (server === undefined) break;
    try {
      const answer = interpret(await exchange(server, name, type, settings.timeoutMs), type);
      if (answer.kind !== 'unknown') return answer;
      cause = answer.cause;
    } catch (error) {
      cause = (error as Error).message;
    }
  }
  return { kind: 'unknown', cause: `${type} ${name}: ${cause}` };
}

function interpret(packet: Packet, type: RecordType): DnsAnswer {
  const code = (packet as Packet & { readonly rcode?: string }).rcode ?? '';
  const authenticated = ((packet.flags ?? 0) & AUTHENTIC_DATA) !== 0;
  if (code === 'NXDOMAIN') return { kind: 'none', nameExists: false, authenticated };
  // SERVFAIL is also what a validating resolver says of an answer that DNSSEC disproves (RFC 4035 §5.5).
  if (code !== 'NOERROR') return { kind: 'unknown', cause: code };
  const records = (packet.answers ?? []).flatMap((answer) => (answer.type === type ? recordsOf(answer) : []));
  return records.length > 0
    ? { kind: 'found', records, authenticated }
    : { kind: 'none', nameExists: true, authenticated };
}

function recordsOf(answer: Answer): DnsRecord[] {
  switch (answer.type) {
    case 'MX':
      return [{ exchange: answer.data.exchange, priority: answer.data.preference ?? 0 }];
    case 'TXT': {
      const parts = Array.isArray(answer.data) ? answer.data : [answer.data];
      return [parts.map((part) => part.toString())];
    }
    case 'TLSA': {
      const { usage, selector, matchingType, certificate } = answer.data;
      return [{ usage, selector, matchingType, data: certificate }];
    }
    case 'A':
    case 'AAAA':
    case 'PTR':
    case 'CNAME':
      return [answer.data];
    default:
      return [];
  }
}

async function exchange(server: Server, name: string, type: RecordType, timeoutMs: number): Promise<Packet> {
  const id = Math.floor(Math.random() * 65_536);
  const question = encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ type, name }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_BYTES,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
  const short = await byUdp(server, question, id, timeoutMs);
  if (((short.flags ?? 0) & TRUNCATED) === 0) return short;
  return byTcp(server, question, id, timeoutMs);
}

function byUdp(server: Server, question: Buffer, id: number, timeoutMs: number): Promise<Packet> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    const end = (act: () => void): void => {
      clearTimeout(timer);
      socket.close();
      act();
    };
    const timer = setTimeout(() => end(() => reject(new Error('no answer in time'))), timeoutMs);
    socket.once('error', (error) => end(() => reject(error)));
    socket.connect(server.port, server.address, () => socket.send(question));
    socket.on('message', (message) => {
      const packet = parse(message, id);
      if (packet !== undefined) end(() => resolve(packet));
    });
  });
}

/** RFC 7766 §8: two octets of length before each message. */
function byTcp(server: Server, question: Buffer, id: number, timeoutMs: number): Promise<Packet> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, server.address);
    let got = Buffer.alloc(0);
    const end = (act: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      act();
    };
    const timer = setTimeout(() => end(() => reject(new Error('no answer in time by TCP'))), timeoutMs);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(question.length);
    socket.once('connect', () => socket.write(Buffer.concat([length, question])));
    socket.once('error', (error) => end(() => reject(error)));
    socket.once('end', () => end(() => reject(new Error('the name server closed the connection'))));
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      const packet = parse(got.subarray(2, 2 + got.readUInt16BE(0)), id);
      end(() => (packet === undefined ? reject(new Error('another answer')) : resolve(packet)));
    });
  });
}

/** Undefined when it is not the answer to this question. */
function parse(message: Buffer, id: number): Packet | undefined {
  try {
    const packet = decode(message);
    return packet.id === id && packet.type === 'response' ? packet : undefined;
  } catch {
    // Not DNS: somebody else's datagram.
    return undefined;
  }
}

function systemServers(): string[] {
  const text = readFileSync('/etc/resolv.conf', 'utf8');
  return [...text.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '');
}

/** `address`, `address:port` or `[address]:port`. */
function parseServer(text: string): Server {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text);
  return { address: bracketed?.[1] ?? text, port: Number(bracketed?.[2] ?? 53) };
}
