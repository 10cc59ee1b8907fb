import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, decode, encode, type Question } from 'dns-packet';

/** What the tests' name server says: records by `TYPE name`, or how it fails. A name that is not here does not exist. */
export type Zone = Map<string, readonly string[] | 'servfail' | 'silence'>;

export interface DnsServer {
  /** `address:port`, as the relay's `dns.servers` wants it. */
  readonly address: string;
  /** May be changed at any time. */
  readonly zone: Zone;
  /** Questions so far as `TYPE name`. */
  readonly questions: string[];
  stop(): Promise<void>;
}

/** A name server that answers from a table, by UDP; on loopback and a port of the kernel's choice unless told otherwise. */
export async function startDns(
  records: Readonly<Record<string, readonly string[] | 'servfail' | 'silence'>> = {},
  at: { readonly address: string; readonly port: number } = { address: '127.0.0.1', port: 0 },
): Promise<DnsServer> {
  const zone: Zone = new Map(Object.entries(records));
  const questions: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (message, peer) => {
    const asked = decode(message);
    const [question] = asked.questions ?? [];
    if (question === undefined) return;
    const key = `${question.type} ${question.name.toLowerCase()}`;
    questions.push(key);
    const found = zone.get(key);
    if (found === 'silence') return;
    const nameExists = [...zone.keys()].some((known) => known.endsWith(` ${question.name.toLowerCase()}`));
    const rcode = found === 'servfail' ? 2 : nameExists ? 0 : 3;
    const answers = Array.isArray(found) ? found.map((text: string) => record(question, text)) : [];
    socket.send(
      encode({ type: 'response', id: asked.id ?? 0, flags: 0x8180 | rcode, questions: [question], answers }),
      peer.port,
      peer.address,
    );
  });
  socket.bind(at.port, at.address);
  await once(socket, 'listening');
  return {
    address: `${at.address}:${socket.address().port}`,
    zone,
    questions,
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** `20 mx.example`, or the name alone with the preference 10. */
function exchangerOf(text: string): { preference: number; exchange: string } {
  const [, preference = '10', exchange = ''] = /^(?:(\d+) )?(\S+)$/.exec(text) ?? [];
  return { preference: Number(preference), exchange };
}

function record({ name, type }: Question, text: string): Answer {
  const common = { name, ttl: 60 };
  switch (type) {
    case 'TXT':
      // RFC 1035 §3.3: a character string has at most 255 octets.
      return { ...common, type, data: text.match(/.{1,255}/gs) ?? [''] };
    case 'MX':
      return { ...common, type, data: exchangerOf(text) };
    case 'A':
    case 'AAAA':
    case 'PTR':
    case 'CNAME':
      return { ...common, type, data: text };
    case 'TLSA': {
      const [usage = '', selector = '', matchingType = '', data = ''] = text.split(' ');
      const certificate = Buffer.from(data, 'hex');
      return {
        ...common,
        type,
        data: { usage: Number(usage), selector: Number(selector), matchingType: Number(matchingType), certificate },
      };
    }
    default:
      throw new Error(`the tests' name server knows no ${type}`);
  }
}
