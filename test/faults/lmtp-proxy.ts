import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { TestStack } from '../support/stack.ts';

/** Which way octets go: from the gateway to the store, or the replies. */
export type Direction = 'commands' | 'replies';

/** Where a connection is cut: the octet after which nothing more passes. */
export interface Cut {
  readonly direction: Direction;
  /** Given all octets of that direction since the cut was armed, how many pass; undefined while it is not yet there. */
  readonly after: (octets: string) => number | undefined;
}

/**
 * Stands between gateway and store, with the certificates of both, so that it sees the plain LMTP on both sides; passes
 * everything, until a cut that was armed is reached: then both sides of that connection die.
 */
export interface LmtpProxy {
  readonly port: number;
  /** The next `times` times that the place is reached, the connection is cut. */
  arm(cut: Cut, times?: number): void;
  /** Ends the connections that the gateway keeps, so that the next message meets a new one. */
  drop(): void;
  /** Takes an armed cut away; tells how often it happened. */
  disarm(): number;
  close(): Promise<void>;
}

interface Armed {
  readonly cut: Cut;
  left: number;
  done: number;
}

/** A free port on a leg of the test stack. */
export async function freePortOn(host: string): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((done) => server.listen(0, host, done));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((done) => server.close(() => done()));
  return port;
}

/** Starts the proxy on a port that the gateway was configured with. */
export async function startLmtpProxy(stack: TestStack, port: number): Promise<LmtpProxy> {
  const pem = (name: string): Buffer => readFileSync(join(stack.folder, 'pki', name));
  const { host, port: storePort } = stack.endpoints.lmtp;
  const open = new Set<TLSSocket>();
  let armed: Armed | undefined;

  const server = createServer({ cert: pem('store.pem'), key: pem('store.key') }, (gateway) => {
    const store = connect({
      host,
      port: storePort,
      ca: pem('ca.pem'),
      cert: pem('relay.pem'),
      key: pem('relay.key'),
      servername: stack.names.store,
    });
    const end = (): void => {
      gateway.destroy();
      store.destroy();
    };
    const seen: Record<Direction, string> = { commands: '', replies: '' };
    let seenFor = armed;
    const pass = (from: TLSSocket, to: TLSSocket, direction: Direction): void => {
      open.add(from);
      from.on('close', () => {
        open.delete(from);
        end();
      });
      from.on('error', end);
      from.on('data', (chunk: Buffer) => {
        if (seenFor !== armed) {
          seenFor = armed;
          seen.commands = '';
          seen.replies = '';
        }
        const already = seen[direction].length;
        seen[direction] += chunk.toString('latin1');
        const place = armed?.cut.direction === direction ? armed.cut.after(seen[direction]) : undefined;
        if (armed === undefined || place === undefined || armed.left === 0) {
          to.write(chunk);
          return;
        }
        armed.left--;
        armed.done++;
        // What stands before the cut arrives; then the end of the connection, on both sides.
        to.end(chunk.subarray(0, Math.max(0, place - already)));
        from.destroySoon();
      });
    };
    pass(gateway, store, 'commands');
    pass(store, gateway, 'replies');
  });
  await new Promise<void>((done) => server.listen(port, host, done));
  const drop = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port,
    drop,
    arm(cut, times = 1) {
      armed = { cut, left: times, done: 0 };
    },
    disarm() {
      const { done } = armed ?? { done: 0 };
      armed = undefined;
      return done;
    },
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      drop();
      await closed;
    },
  };
}

/** Cuts after a number of octets. */
export function afterOctets(direction: Direction, octets: number): Cut {
  return { direction, after: (seen) => (seen.length >= octets ? octets : undefined) };
}

/** Cuts where the pattern ends. */
export function afterPattern(direction: Direction, pattern: RegExp): Cut {
  return {
    direction,
    after: (seen) => {
      const match = pattern.exec(seen);
      return match === null ? undefined : match.index + match[0].length;
    },
  };
}
