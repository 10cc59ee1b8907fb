import type { Log } from '@postern/shared/runtime/log.ts';
import type { WebmailConfig } from './config.ts';
import { Authentication } from './http/authentication.ts';
import { BackOff, type GuessLimits } from './http/back-off.ts';
import { EventStreams } from './http/event-streams.ts';
import { startWebServer } from './http/server.ts';
import { readSessionKeys, SessionCookies } from './http/session-cookie.ts';
import { StaticFiles } from './http/static-files.ts';
import { Uploads } from './http/uploads.ts';
import type { StoreEndpoint } from './imap/store-connection.ts';
import { AccountSessions } from './mail/account-session.ts';
import { openPush } from './push/push-sender.ts';

/** A running webmail host. */
export interface Webmail {
  readonly ports: readonly number[];
  readonly sessions: number;
  readonly streams: number;
  readonly storeConnections: number;
  readonly uploadBytes: number;
  /** Reads certificates anew. */
  reload(): void;
  close(): Promise<void>;
}

export function storeEndpoint({ store, innerAddress }: WebmailConfig): StoreEndpoint {
  return {
    host: store.host,
    port: store.port,
    security: store.security,
    serverName: store.serverName ?? store.host,
    ca: store.ca,
    identity: store.tls,
    localAddress: innerAddress,
  };
}

/**
 * @param backOff of all workers, where there are several
 * @throws when an address is taken, or a certificate, the session key or a folder cannot be had
 */
export async function startWebmail(
  config: WebmailConfig,
  log: Log,
  backOff: GuessLimits = new BackOff(),
): Promise<Webmail> {
  const { limits } = config;
  const endpoint = (): StoreEndpoint => storeEndpoint(config);
  const sessions = new AccountSessions(
    endpoint,
    config.sessions.storeIdleMs,
    Math.floor(limits.indexedMessages / config.workers),
  );
  const cookies = new SessionCookies(readSessionKeys(config.sessionKeyFile));
  const uploads = new Uploads({
    ...config.uploads,
    totalBytes: Math.floor(config.uploads.totalBytes / config.workers),
  });
  const streams = new EventStreams(endpoint, limits);
  const push = openPush(config);
  const server = await startWebServer({
    config,
    log,
    endpoint,
    cookies,
    sessions,
    backOff,
    uploads,
    streams,
    authentication: new Authentication({ config, endpoint, cookies, sessions, backOff, log }),
    files: new StaticFiles(config.app),
    push,
  });
  return {
    ports: server.ports,
    get sessions() {
      return sessions.size;
    },
    get streams() {
      return streams.size;
    },
    get storeConnections() {
      return sessions.connections + streams.connections;
    },
    get uploadBytes() {
      return uploads.bytes;
    },
    reload: () => server.reloadTls(config.tls),
    async close() {
      streams.close();
      await server.close();
      sessions.close();
      uploads.close();
      push?.services.close();
    },
  };
}
