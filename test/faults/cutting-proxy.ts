import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Which way octets go: from the client to the server, or back. */
export type Direction = 'commands' | 'replies';

/** Where a connection is cut: the octet after which nothing more passes. */
export interface Cut {
  readonly direction: Direction;
  /** Given all octets of that direction since the cut was armed, how many pass; undefined while it is not yet there. */
  readonly after: (octets: string) => number | undefined;
}

/** Stands between two processes and passes everything, until a cut that was armed is reached: then both sides of that connection die. */
export interface CuttingProxy {
  readonly port: number;
  /** The next `times` times that the place is reached, the connection is cut. */
  arm(cut: Cut, times?: number): void;
  /** Ends all connections, so that what comes next meets a new one. */
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

/**
 * Starts a proxy.
 *
 * @param server where clients connect; not yet listening
 * @param open a connection to the server behind
 */
export async function startCuttingProxy(
  server: Server,
  event: 'connection' | 'secureConnection',
  open: () => Socket,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let armed: Armed | undefined;
  server.on(event, (client: Socket) => {
    const behind = open();
    const end = (): void => {
      client.destroy();
      behind.destroy();
    };
    const seen: Record<Direction, string> = { commands: '', replies: '' };
    let seenFor = armed;
    const pass = (from: Socket, to: Socket, direction: Direction): void => {
      sockets.add(from);
      from.on('close', () => {
        sockets.delete(from);
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
    pass(client, behind, 'commands');
    pass(behind, client, 'replies');
  });
  await new Promise<void>((done) => server.listen(port, host, done));
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
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

/** A proxy of plain TCP: what runs over it may be TLS. */
export function startTcpProxy(behind: { readonly host: string; readonly port: number }): Promise<CuttingProxy> {
  return startCuttingProxy(createServer(), 'connection', () => connect(behind));
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
