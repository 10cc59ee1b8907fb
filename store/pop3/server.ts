import type { Directory } from '@postern/shared/directory/directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { StoreConfig } from '../config.ts';
import { type SessionServer, startSessionServer } from '../connection/session-server.ts';
import { ServerTls } from '../connection/tls-identity.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import type { OpenSessions } from '../sign-in/open-sessions.ts';
import type { SignInLimits } from '../sign-in/sign-in-limits.ts';
import { type Pop3Services, Pop3Session } from './session.ts';

export interface Pop3ServerOptions {
  readonly config: StoreConfig;
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly log: Log;
  /** Those that all services of the host share. */
  readonly limits: SignInLimits;
  /** Ends sessions of accounts that may sign in no more. */
  readonly openSessions?: OpenSessions | undefined;
}

/** Starts POP3 on the configured legs; undefined when it is off. Rejects when one cannot be listened on or the certificate cannot be read. */
export async function startPop3Server(options: Pop3ServerOptions): Promise<SessionServer | undefined> {
  const { config, mailstore, directory, log, limits, openSessions } = options;
  const { pop3 } = config;
  if (pop3 === undefined) return undefined;
  const tls = new ServerTls(config.tls, config.ca);
  const services: Pop3Services = {
    ...pop3,
    service: 'pop3',
    config: pop3,
    hostname: config.hostname,
    mailstore,
    directory,
    throttle: limits.throttle,
    accountSessions: limits.sessionCounts('pop3', pop3.maxSessionsPerAccount),
    openSessions,
    tls,
    log,
  };
  return startSessionServer({
    service: 'pop3',
    listen: pop3.listen,
    listenTls: pop3.listenTls,
    tls,
    requestCert: false,
    maxSessions: pop3.maxSessions,
    tooMany: '-ERR [SYS/TEMP] Too many sessions\r\n',
    stopGraceMs: pop3.stopGraceMs,
    log,
    open: (socket, peer) => new Pop3Session(socket, peer, services),
  });
}
