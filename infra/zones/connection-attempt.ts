import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';

/** One connection to try. */
export interface Attempt {
  readonly address: string;
  readonly port: number;
  readonly transport: 'tcp' | 'udp';
  /** Leg that it leaves from; the kernel's choice when unset. */
  readonly localAddress?: string | undefined;
  readonly timeoutMs: number;
}

/** `open`: something answered, if only "no such port"; `closed`: silence, or a firewall that says so. */
export type AttemptOutcome = 'open' | 'closed';

/** Tries one connection. A refusal by the target itself means that every firewall on the way let it pass. */
export function attempt(one: Attempt): Promise<AttemptOutcome> {
  return one.transport === 'tcp' ? attemptTcp(one) : attemptUdp(one);
}

function attemptTcp({ address, port, localAddress, timeoutMs }: Attempt): Promise<AttemptOutcome> {
  return new Promise((done) => {
    const socket = connect({ host: address, port, ...(localAddress === undefined ? {} : { localAddress }) });
    const timer = setTimeout(() => finish('closed'), timeoutMs);
    const finish = (outcome: AttemptOutcome): void => {
      clearTimeout(timer);
      socket.destroy();
      done(outcome);
    };
    socket.once('connect', () => finish('open'));
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED' ? 'open' : 'closed'));
  });
}

/** UDP has no handshake: an answer, or ICMP's "port unreachable" from the target, shows that the datagram arrived. */
function attemptUdp({ address, port, localAddress, timeoutMs }: Attempt): Promise<AttemptOutcome> {
  return new Promise((done) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const timer = setTimeout(() => finish('closed'), timeoutMs);
    let finished = false;
    const finish = (outcome: AttemptOutcome): void => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      socket.close();
      done(outcome);
    };
    socket.once('message', () => finish('open'));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED' ? 'open' : 'closed'));
    socket.bind(0, localAddress, () => {
      socket.connect(port, address, (error?: Error) => {
        if (error !== undefined) return finish('closed');
        // A question for the root's name servers (RFC 1035 §4.1): what a name server answers, others ignore.
        return socket.send(Buffer.from('00010100000100000000000000000200 01'.replace(' ', ''), 'hex'));
      });
    });
  });
}
