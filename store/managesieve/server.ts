import type { Directory } from '@postern/shared/directory/directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { StoreConfig } from '../config.ts';
import { LiteralBudget } from '../connection/literal-budget.ts';
import { type SessionServer, startSessionServer } from '../connection/session-server.ts';
import { ServerTls } from '../connection/tls-identity.ts';
import { scriptLanguage } from '../delivery/rules/script-language.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import type { OpenSessions } from '../sign-in/open-sessions.ts';
import type { SignInLimits } from '../sign-in/sign-in-limits.ts';
import { type ManageSieveServices, ManageSieveSession } from './session.ts';

/** Memory for scripts on their way in, of all sessions together; beyond it clients wait. */
const LITERAL_MEMORY_BYTES = 67_108_864;

export interface ManageSieveServerOptions {
  readonly config: StoreConfig;
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly log: Log;
  /** Those that all services of the host share. */
  readonly limits: SignInLimits;
  /** Ends sessions of accounts that may sign in no more. */
  readonly openSessions?: OpenSessions | undefined;
}

/** Starts ManageSieve (RFC 5804) on the configured leg; undefined when it is off. Rejects when it cannot be listened on or the certificate cannot be read. */
export async function startManageSieveServer(options: ManageSieveServerOptions): Promise<SessionServer | undefined> {
  const { config, mailstore, directory, log, limits, openSessions } = options;
  const { managesieve } = config;
  if (managesieve === undefined) return undefined;
  const tls = new ServerTls(config.tls, config.ca);
  const services: ManageSieveServices = {
    ...managesieve,
    service: 'sieve',
    config: managesieve,
    mailstore,
    directory,
    throttle: limits.throttle,
    accountSessions: limits.sessionCounts('sieve', managesieve.maxSessionsPerAccount),
    openSessions,
    tls,
    log,
    language: scriptLanguage(config.sieve),
    literals: new LiteralBudget(LITERAL_MEMORY_BYTES),
  };
  return startSessionServer({
    service: 'sieve',
    listen: managesieve.listen,
    listenTls: undefined,
    tls,
    requestCert: false,
    maxSessions: managesieve.maxSessions,
    tooMany: 'BYE (TRYLATER) "Too many sessions"\r\n',
    stopGraceMs: managesieve.stopGraceMs,
    log,
    open: (socket, peer) => new ManageSieveSession(socket, peer, services),
  });
}
