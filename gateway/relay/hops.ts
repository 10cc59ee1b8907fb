import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { MIN_TLS_VERSION, readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type ClientPool, createClientPool } from '@postern/shared/smtp/client-pool.ts';
import type { RelayConfig } from './config.ts';
import type { StoreRoute } from './stores.ts';

/** TCP, TLS and greeting of the store together: it is near, and a message is waiting in its transaction. */
const STORE_CONNECT_MS = 5_000;
const STORE_COMMAND_MS = 30_000;

/** The ways inwards: the default store (named '') and those that entries of the directory name. */
export function storeRoutes(config: RelayConfig): StoreRoute[] {
  const others = Object.entries(config.store.stores);
  return [['', config.store.lmtp] as const, ...others].map(([name, lmtp]) => ({
    name,
    host: lmtp.host,
    pool: storePool(config, lmtp),
  }));
}

/** LMTP over TLS, from the private leg, with our client certificate (invariant 5). */
function storePool(config: RelayConfig, lmtp: RelayConfig['store']['lmtp']): ClientPool {
  const { tls, ca, connections } = config.store;
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
