import { openCredentialWriter } from '@postern/shared/directory/credential-writer.ts';
import type { Directory } from '@postern/shared/directory/directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { StoreConfig } from '../config.ts';
import { LiteralBudget } from '../connection/literal-budget.ts';
import { startSessionServer } from '../connection/session-server.ts';
import { ServerTls } from '../connection/tls-identity.ts';
import { scriptLanguage } from '../delivery/rules/script-language.ts';
import type { Outbox } from '../hub/outbox.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import type { OpenSessions } from '../sign-in/open-sessions.ts';
import { OwnLimits, type SignInLimits } from '../sign-in/sign-in-limits.ts';
import { TrustedClients } from '../sign-in/trusted-clients.ts';
import { Connection } from './connection.ts';
import { ReadAheadMemory } from './read-ahead/read-ahead-memory.ts';
import { Session } from './session.ts';
import { UNAUTHENTICATED_LIMITS } from './session-limits.ts';
import type { SessionServices } from './session-services.ts';
import { TokenSessions } from './token-sessions.ts';

export interface ImapServerOptions {
  readonly config: StoreConfig;
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly log: Log;
  /** Those that all services of the host share; its own when left out. */
  readonly limits?: SignInLimits;
  /** Ends sessions of accounts that may sign in no more. */
  readonly openSessions?: OpenSessions | undefined;
  /** Where clients send from; without it nothing is sent. */
  readonly outbox?: Outbox | undefined;
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
  const { config, mailstore, directory, log, limits = new OwnLimits() } = options;
  const { imap } = config;
  const tls = new ServerTls(config.tls, config.ca);
  // The directory's answers may be as old as they are kept for.
  const recheckMs = Math.max(imap.tokenRecheckMs / 2, imap.tokenRecheckMs - config.directory.foundTtlMs);
  const tokens = new TokenSessions(mailstore, directory, log, recheckMs);
  const credentialWriter = openCredentialWriter(config.directory, log);
  const services: SessionServices = {
    config: imap,
    quota: config.quota,
    mailstore,
    directory,
    tlsContext: () => tls.context,
    throttle: limits.throttle,
    trusted: new TrustedClients(imap.trustedPeers, imap.trustedAddresses),
    tokens,
    openSessions: options.openSessions,
    credentialWriter,
    literals: new LiteralBudget(imap.literalMemoryBytes),
    readAhead: new ReadAheadMemory(imap.readAheadMemoryBytes),
    accountSessions: limits.sessionCounts('imap', imap.maxSessionsPerAccount),
    outbox: options.outbox,
    language: scriptLanguage(config.sieve),
  };
  const server = await startSessionServer({
    service: 'imap',
    listen: imap.listen,
    listenTls: imap.listenTls,
    tls,
    requestCert: imap.trustedPeers.length > 0,
    maxSessions: imap.maxSessions,
    tooMany: '* BYE [LIMIT] Too many sessions\r\n',
    stopGraceMs: imap.stopGraceMs,
    log,
    open(socket, { id, client }) {
      const connection = new Connection(socket, { ...UNAUTHENTICATED_LIMITS }, imap.writeTimeoutMs);
      return new Session(id, client, services, connection, log);
    },
  });
  return {
    listening: { imap: server.listening.plain, imaps: server.listening.tls },
    get sessions() {
      return server.sessions;
    },
    reloadTls: () => server.reloadTls(),
    async close() {
      await server.close();
      await tokens.close();
      credentialWriter.close();
    },
  };
}
