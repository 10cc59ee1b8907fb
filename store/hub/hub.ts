import { readFileSync } from 'node:fs';
import type { Directory } from '@postern/shared/directory/directory.ts';
import type { ExpansionLimits } from '@postern/shared/directory/recipients.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type ClientPool, createClientPool } from '@postern/shared/smtp/client-pool.ts';
import type { StoreConfig } from '../config.ts';
import type { LocalDelivery } from '../delivery/deliver.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import type { SignInThrottle } from '../sign-in/sign-in-limits.ts';
import { fileInSent, Outbox } from './outbox.ts';
import { OtherStores } from './outgoing/other-stores.ts';
import { QueueRunner } from './outgoing/runner.ts';
import { send } from './outgoing/sending.ts';
import { type HubListeners, startHubListeners } from './server.ts';
import { SubmissionDesk } from './submission-desk.ts';

export interface HubOptions {
  readonly config: StoreConfig;
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly delivery: LocalDelivery;
  readonly throttle: SignInThrottle;
  readonly log: Log;
}

/** Mail out: what is handed over, and the queue that it goes through. */
export interface Hub {
  readonly listeners: HubListeners;
  readonly outbox: Outbox;
  /** Messages that this process is sending now. */
  readonly inHand: number;
  /** A delivery may have queued something: look at once. */
  wake(): void;
  close(graceMs: number): Promise<void>;
}

/** Starts the queue, and the listeners that are configured. Rejects when an address is taken or a certificate does not load. */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { config: store, mailstore, directory, delivery, throttle, log } = options;
  const { hub: config, hostname } = store;
  const expansion: ExpansionLimits = {
    defaultDomain: store.directory.defaultDomain,
    sitePostmaster: config.sitePostmaster,
    followForwards: true,
  };
  const defaultQuota = { bytes: store.quota.defaultBytes, messages: store.quota.defaultMessages };
  const relay = relayPool(store);
  const stores = new OtherStores(store);
  const runner = new QueueRunner({
    mailstore,
    work: (claimed, claimant) =>
      send(
        {
          config,
          hostname,
          directory,
          mailstore,
          delivery,
          relay,
          stores,
          expansion,
          defaultQuota,
          file: (filed) => fileInSent(mailstore, filed),
          log,
        },
        claimed,
        claimant,
      ),
    concurrency: config.queue.concurrency,
    pollMs: config.queue.pollMs,
    leaseMs: config.queue.leaseMs,
    retry: { firstMs: config.queue.retryMs, maxMs: config.queue.maxRetryMs },
    memoryBytes: config.queue.memoryBytes,
    log,
  });
  const onTaken = (): void => runner.wake();
  const desk = new SubmissionDesk({ config, hostname, directory, mailstore, expansion, log, onTaken });
  const parts = { config, hostname, directory, mailstore, expansion, desk, throttle, defaultQuota, stores, log };
  try {
    const listeners = await startHubListeners(store, parts);
    return {
      listeners,
      outbox: new Outbox(parts),
      get inHand() {
        return runner.inHand;
      },
      wake: onTaken,
      async close(graceMs) {
        await listeners.close(graceMs);
        await runner.close(graceMs);
        await Promise.all([relay?.close(), stores.close()]);
      },
    };
  } catch (error) {
    await runner.close(0);
    await Promise.all([relay?.close(), stores.close()]);
    throw error;
  }
}

/** SMTP with TLS to the relay's private leg, by our client certificate. */
function relayPool({ hub, ca, hostname }: StoreConfig): ClientPool | undefined {
  if (hub.relay === undefined) return undefined;
  const { host, port, serverName, identity, connections } = hub.relay;
  return createClientPool({
    client: {
      host,
      port,
      protocol: 'smtp',
      heloName: hostname,
      tls: { mode: 'starttls', ...readTlsIdentity(identity), ca: readFileSync(ca, 'utf8'), serverName },
      timeouts: { connectMs: 10_000 },
    },
    maxConnections: connections,
    maxWaitMs: 60_000,
  });
}
