import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContext,
  type SecureContextOptions,
  type Server as TlsServer,
} from 'node:tls';
import type { Directory } from '@postern/shared/directory/directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { connected } from '@postern/shared/runtime/mail-events.ts';
import { MIN_TLS_VERSION, readTlsIdentity, serverContext } from '@postern/shared/runtime/tls.ts';
import type { StoreConfig } from '../config.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import { Connection } from './connection.ts';
import { LiteralBudget } from './literal-budget.ts';
import { LoginThrottle } from './login-throttle.ts';
import { Session, type SessionServices, UNAUTHENTICATED_LIMITS } from './session.ts';
import { TokenSessions } from './token-sessions.ts';
import { TrustedClients } from './trusted-clients.ts';

export interface ImapServerOptions {
  readonly config: StoreConfig;
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly log: Log;
}

export interface ImapServer {
  /** Where it listens, with the port that the kernel chose for port 0. */
  readonly listening: {
    readonly imap: { readonly address: string; readonly port: number } | undefined;
    readonly imaps: { readonly address: string; readonly port: number } | undefined;
  };
  /** Sessions that are open now. */
  readonly sessions: number;
  /** Reads certificate and key anew, for connections to come. Throws when they cannot be read: the old ones stay. */
  reloadTls(): void;
  /** Takes no more connections, says BYE to all sessions, and waits for them to end. */
  close(): Promise<void>;
}

/** Starts IMAP on the configured legs. Rejects when one cannot be listened on or the certificate cannot be read. */
export async function startImapServer(options: ImapServerOptions): Promise<ImapServer> {
  const { config, mailstore, directory, log } = options;
  const requestCert = config.imap.trustedPeers.length > 0;
  let tlsContext: SecureContext = serverContext(config.tls, config.ca);
  const tokens = new TokenSessions(mailstore, directory, log, config.imap.tokenRecheckMs);
  const sessions = new Map<Session, Promise<void>>();
  const sessionsOfAccount = new Map<number, number>();
  const services: SessionServices = {
    config: config.imap,
    quota: config.quota,
    mailstore,
    directory,
    tlsContext: () => tlsContext,
    throttle: new LoginThrottle(),
    trusted: new TrustedClients(config.imap.trustedPeers, config.imap.trustedAddresses),
    tokens,
    literals: new LiteralBudget(config.imap.literalMemoryBytes),
    admit(accountId) {
      const count = sessionsOfAccount.get(accountId) ?? 0;
      if (count >= config.imap.maxSessionsPerAccount) return false;
      sessionsOfAccount.set(accountId, count + 1);
      return true;
    },
    dismiss(accountId) {
      const count = (sessionsOfAccount.get(accountId) ?? 1) - 1;
      if (count > 0) sessionsOfAccount.set(accountId, count);
      else sessionsOfAccount.delete(accountId);
    },
  };

  const accept = (socket: Socket): void => {
    const client = socket.remoteAddress;
    if (client === undefined || sessions.size >= config.imap.maxSessions) {
      socket.on('error', () => socket.destroy());
      socket.end('* BYE [LIMIT] Too many sessions\r\n');
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 120_000);
    const id = randomBytes(6).toString('hex');
    connected(log, { session: id, service: 'imap', client, clientPort: socket.remotePort ?? 0 });
    const connection = new Connection(socket, { ...UNAUTHENTICATED_LIMITS }, config.imap.writeTimeoutMs);
    const session = new Session(id, client, services, connection, log);
    sessions.set(
      session,
      session.run().finally(() => sessions.delete(session)),
    );
  };

  const { listen, listenTls } = config.imap;
  const servers: (Server | TlsServer)[] = [];
  const plain = listen && createServer({ allowHalfOpen: true, noDelay: true }, accept);
  const tls =
    listenTls &&
    createTlsServer(
      {
        ...tlsOptions(config),
        requestCert,
        rejectUnauthorized: false,
        allowHalfOpen: true,
        handshakeTimeout: 30_000,
      },
      accept,
    );
  // A failed handshake is the client's affair; its socket is closed by Node.
  tls?.on('tlsClientError', (error) => log.debug({ event: 'tls-handshake-failed', service: 'imap', err: error }));
  try {
    if (plain && listen) await listenOn(plain, listen, servers);
    if (tls && listenTls) await listenOn(tls, listenTls, servers);
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }

  return {
    listening: { imap: plain && listen && addressOf(plain), imaps: tls && listenTls && addressOf(tls) },
    get sessions() {
      return sessions.size;
    },
    reloadTls() {
      tlsContext = serverContext(config.tls, config.ca);
      tls?.setSecureContext(tlsOptions(config));
    },
    async close() {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      const running = [...sessions.values()];
      await Promise.all([...sessions.keys()].map((session) => session.stop(config.imap.stopGraceMs)));
      await tokens.close();
      await Promise.all([...running, ...closed]);
    },
  };
}

/** What a TLS listener is made of, read anew. The CA stands in it for the certificates of trusted hosts. */
function tlsOptions({ tls, ca }: StoreConfig): SecureContextOptions {
  return { ...readTlsIdentity(tls), ca: readFileSync(ca, 'utf8'), minVersion: MIN_TLS_VERSION };
}

function listenOn(server: Server, at: { address: string; port: number }, servers: Server[]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.address, () => {
      server.off('error', reject);
      servers.push(server);
      resolve();
    });
  });
}

function addressOf(server: Server): { readonly address: string; readonly port: number } {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('not listening');
  return { address: bound.address, port: bound.port };
}
