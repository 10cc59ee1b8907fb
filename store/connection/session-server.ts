import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { Log } from '@postern/shared/runtime/log.ts';
import { connected } from '@postern/shared/runtime/mail-events.ts';
import type { ServerTls } from './tls-identity.ts';

/** One client's session. */
export interface ServedSession {
  /** Ends when the session ends. Never rejects. */
  run(): Promise<void>;
  /** Ends it politely, within `graceMs` if a command is under way. */
  stop(graceMs: number): Promise<void>;
}

export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

export interface SessionServerOptions<Session extends ServedSession> {
  /** Name of the service in the log. */
  readonly service: string;
  readonly listen: ListenAddress | undefined;
  /** TLS from the first octet (RFC 8314). */
  readonly listenTls: ListenAddress | undefined;
  readonly tls: ServerTls;
  /** Clients are asked for a certificate. */
  readonly requestCert: boolean;
  readonly maxSessions: number;
  /** What one too many hears, with its line end. */
  readonly tooMany: string;
  readonly stopGraceMs: number;
  readonly log: Log;
  open(socket: Socket, peer: { readonly id: string; readonly client: string }): Session;
}

export interface SessionServer {
  /** Where it listens, with the port that the kernel chose for port 0. */
  readonly listening: { readonly plain: ListenAddress | undefined; readonly tls: ListenAddress | undefined };
  /** Sessions that are open now. */
  readonly sessions: number;
  /** Reads certificate and key anew, for connections to come. Throws when they cannot be read: the old ones stay. */
  reloadTls(): void;
  /** Takes no more connections, ends all sessions, and waits for them. */
  close(): Promise<void>;
}

/** Listens for the clients of one protocol. Rejects when an address cannot be listened on. */
export async function startSessionServer<Session extends ServedSession>(
  options: SessionServerOptions<Session>,
): Promise<SessionServer> {
  const { service, listen, listenTls, log, tls } = options;
  const sessions = new Map<Session, Promise<void>>();

  const accept = (socket: Socket): void => {
    const client = socket.remoteAddress;
    if (client === undefined || sessions.size >= options.maxSessions) {
      socket.on('error', () => socket.destroy());
      socket.end(options.tooMany);
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 120_000);
    const id = randomBytes(6).toString('hex');
    connected(log, { session: id, service, client, clientPort: socket.remotePort ?? 0 });
    const session = options.open(socket, { id, client });
    sessions.set(
      session,
      session.run().finally(() => sessions.delete(session)),
    );
  };

  const plainServer = listen && createServer({ allowHalfOpen: true, noDelay: true }, accept);
  const tlsServer = listenTls && createTlsListener(options, accept);
  const servers: Server[] = [];
  try {
    if (plainServer && listen) await listenOn(plainServer, listen, servers);
    if (tlsServer && listenTls) await listenOn(tlsServer, listenTls, servers);
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }

  return {
    listening: { plain: plainServer && addressOf(plainServer), tls: tlsServer && addressOf(tlsServer) },
    get sessions() {
      return sessions.size;
    },
    reloadTls() {
      tls.reload();
      tlsServer?.setSecureContext(tls.options());
    },
    async close() {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      const running = [...sessions.values()];
      await Promise.all([...sessions.keys()].map((session) => session.stop(options.stopGraceMs)));
      await Promise.all([...running, ...closed]);
    },
  };
}

function createTlsListener<Session extends ServedSession>(
  { tls, requestCert, service, log }: SessionServerOptions<Session>,
  accept: (socket: Socket) => void,
): TlsServer {
  const server = createTlsServer(
    { ...tls.options(), requestCert, rejectUnauthorized: false, handshakeTimeout: 30_000 },
    (socket) => {
      // Not before the handshake has ended: Node would keep the socket of a client that goes away in the middle of it, for good.
      socket.allowHalfOpen = true;
      accept(socket);
    },
  );
  // A failed handshake is the client's affair; its socket is closed by Node.
  return server.on('tlsClientError', (error) => log.debug({ event: 'tls-handshake-failed', service, err: error }));
}

function listenOn(server: Server, at: ListenAddress, servers: Server[]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.address, () => {
      server.off('error', reject);
      servers.push(server);
      resolve();
    });
  });
}

function addressOf(server: Server): ListenAddress {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('not listening');
  return { address: bound.address, port: bound.port };
}
