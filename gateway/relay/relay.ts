import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { cachedDirectory } from '@postern/shared/directory/cached-directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { MIN_TLS_VERSION, readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type ClientPool, createClientPool } from '@postern/shared/smtp/client-pool.ts';
import { type Listener, startListener } from '@postern/shared/smtp/listener.ts';
import type { RelayConfig } from './config.ts';
import { Forward } from './inbound/forward.ts';
import { Recipients } from './inbound/recipients.ts';
import { inboundHandlers } from './inbound/session.ts';
import { QueueRunner } from './spool/queue-runner.ts';
import { Spool } from './spool/spool.ts';
import { StoreLink } from './store-link.ts';

/** TCP, TLS and greeting of the store together: it is near, and a message is waiting in its transaction. */
const STORE_CONNECT_MS = 5_000;
const STORE_COMMAND_MS = 30_000;
/** Longest that a stop waits for transactions in DATA. */
const CLOSE_GRACE_MS = 10_000;
const SMART_HOST_CONNECTIONS = 4;

/** A relay that answers. */
export interface Relay {
  readonly ports: readonly number[];
  /** Reads the certificates anew; throws, and keeps the old ones, when one of them does not load. */
  reloadCertificates(): Promise<void>;
  /** Stops listening, ends what is in hand, and closes; what is spooled stays. */
  close(): Promise<void>;
}

/** Starts all parts of the relay. Rejects when a port, a certificate or the spool is not to be had. */
export async function startRelay(config: RelayConfig, log: Log): Promise<Relay> {
  const { limits } = config;
  const closings: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closings.splice(0).reverse()) await end();
  };
  try {
    const spool = await Spool.open(config.spool.path, true);
    closings.push(() => spool.close());
    const directorySettings = { localAddress: config.innerAddress, ...config.directory };
    const directory = cachedDirectory(openLdapDirectory(directorySettings, log), config.directory);
    closings.push(() => directory.close());
    const store = new StoreLink(storePool(config), config.spool.storeTestMs);
    closings.push(() => store.close());
    const smartHost = smartHostPool(config);
    if (smartHost !== undefined) closings.push(() => smartHost.close());
    const queue = new QueueRunner(spool, store, smartHost, log, config.spool);
    closings.push(() => queue.close());
    await queue.start();

    const recipients = new Recipients(
      directory,
      store,
      { ...limits, defaultDomain: config.directory.defaultDomain },
      smartHost !== undefined,
    );
    const forward = new Forward(store, spool, queue, log, { ...limits, hostname: config.hostname });
    const listeners: Listener[] = [];
    closings.push(async () => {
      await Promise.all(listeners.map((listener) => listener.close(CLOSE_GRACE_MS)));
    });
    for (const { address, port } of config.smtp.listen) {
      const listener = await startListener({
        protocol: 'smtp',
        hostname: config.hostname,
        address,
        port,
        tls: { mode: 'starttls', ...readTlsIdentity(config.smtp.tls) },
        handlers: inboundHandlers(recipients, forward, log),
        log,
        limits: {
          maxMessageBytes: limits.maxMessageBytes,
          maxRecipients: limits.maxRecipients,
          maxHeaderFields: limits.maxHeaderCount,
          maxHeaderBytes: limits.maxHeaderBytes,
          maxConnections: limits.maxConnections,
          // One budget for all sessions: each listener has its share.
          messageMemoryBytes: Math.floor(limits.messageMemoryBytes / config.smtp.listen.length),
        },
      });
      listeners.push(listener);
    }
    return {
      ports: listeners.map((listener) => listener.port),
      async reloadCertificates() {
        const identity = readTlsIdentity(config.smtp.tls);
        const pool = storePool(config);
        for (const listener of listeners) listener.updateTls(identity);
        await store.replacePool(pool);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The way inwards: LMTP over TLS, from the private leg, with our client certificate (invariant 5). */
function storePool(config: RelayConfig): ClientPool {
  const { lmtp, tls, ca, connections } = config.store;
  const identity = { ...readTlsIdentity(tls), ca: readFileSync(ca, 'utf8') };
  // Says now, and not at the first message, that a certificate and its key do not fit.
  createSecureContext({ ...identity, minVersion: MIN_TLS_VERSION });
  return createClientPool({
    client: {
      host: lmtp.host,
      port: lmtp.port,
      localAddress: config.innerAddress,
      protocol: 'lmtp',
      heloName: config.hostname,
      tls: { mode: 'implicit', ...identity, serverName: lmtp.serverName },
      timeouts: {
        connectMs: STORE_CONNECT_MS,
        commandMs: STORE_COMMAND_MS,
        finalReplyMs: config.limits.finalReplyMs,
      },
    },
    maxConnections: connections,
  });
}

function smartHostPool(config: RelayConfig): ClientPool | undefined {
  const smartHost = config.outbound?.smartHost;
  if (config.outbound === undefined || smartHost === undefined) return undefined;
  return createClientPool({
    client: {
      host: smartHost.host,
      port: smartHost.port,
      localAddress: config.outbound.localAddress,
      protocol: 'smtp',
      heloName: config.hostname,
      tls: {
        mode: smartHost.tls,
        ca: smartHost.ca === undefined ? undefined : readFileSync(smartHost.ca, 'utf8'),
        serverName: smartHost.serverName,
      },
    },
    maxConnections: SMART_HOST_CONNECTIONS,
  });
}
