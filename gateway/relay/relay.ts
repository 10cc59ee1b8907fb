import { join } from 'node:path';
import type { Log } from '@postern/shared/runtime/log.ts';
import { MemoryBudget } from '@postern/shared/runtime/memory-budget.ts';
import { readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type Listener, type ListenerLimits, startListener } from '@postern/shared/smtp/listener.ts';
import type { OutboundState } from './admin/services.ts';
import type { RelayConfig } from './config.ts';
import { storeRoutes } from './hops.ts';
import { type InboundParts, openInbound } from './inbound/open-inbound.ts';
import { OwnMemory } from './memory/own-memory.ts';
import type { RelayMemory } from './memory/relay-memory.ts';
import { onwardTls, startOnward } from './outbound/onward-listener.ts';
import { mailLeaves } from './outbound/open-outbound.ts';
import { openQueue, outboundState, type Queue } from './queue.ts';
import type { ReturnRoutes } from './spool/notices.ts';
import { Spool } from './spool/spool.ts';
import { lockSpool } from './spool/spool-lock.ts';
import type { StoreHealth } from './store-link.ts';
import { Stores } from './stores.ts';
import { startSubmission } from './submission/listeners.ts';

/** Longest that a stop waits for transactions in DATA. */
const CLOSE_GRACE_MS = 10_000;

/**
 * What a process does: everything (`alone`), or, with several, one keeps the spool and drains it (`queue`) while the others
 * take mail (`worker`) and leave what they spool to it.
 */
export type RelayRole = 'alone' | 'queue' | 'worker';

/** Settings that are read at the start alone. */
const FIXED = [
  ...(['hostname', 'smtp', 'workers', 'innerAddress', 'spool', 'outbound', 'submission'] as const),
  ...(['metrics', 'admin', 'log'] as const),
] as const;

/** A relay that answers. */
export interface Relay {
  readonly ports: readonly number[];
  /** Where mail programs on the road send; none in a worker. */
  readonly submissionPorts: readonly number[];
  /** Where the hub hands mail over; undefined when it is not configured, and in a worker. */
  readonly onwardPort: number | undefined;
  /** Undefined in a worker. */
  readonly queue: Queue | undefined;
  readonly spool: Spool;
  readonly memory: RelayMemory;
  /** Sessions open now. */
  readonly sessions: number;
  readonly outboundState: OutboundState;
  /** Messages that wait in the spool; 0 in a worker. */
  readonly queued: number;
  readonly storeHealth: StoreHealth;
  /**
   * Takes new settings and reads the certificates anew; sessions that are open end under the old ones. Rejects, and keeps
   * everything as it was, when a certificate does not load. Resolves with the settings that differ and want a restart.
   */
  reload(config: RelayConfig): Promise<readonly string[]>;
  /** Stops listening, ends what is in hand, and closes; what is spooled stays. */
  close(): Promise<void>;
}

/**
 * Starts all parts of the relay. Rejects when a port, a certificate or the spool is not to be had.
 *
 * @param shared the memory of another process, for a worker; else the relay has its own
 */
export async function startRelay(
  config: RelayConfig,
  log: Log,
  role: RelayRole = 'alone',
  shared?: RelayMemory,
): Promise<Relay> {
  const closings: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closings.splice(0).reverse()) await end();
  };
  try {
    if (role !== 'worker') {
      const lock = await lockSpool(config.spool.path, (cause) => {
        // A fault of the process: it ends in order, before a second relay drains the same spool.
        throw new Error(`the lock of the spool is lost: ${cause}`);
      });
      closings.push(() => lock.release());
    }
    const spool = await Spool.open(config.spool.path, role !== 'worker');
    closings.push(() => spool.close());
    const memory = shared ?? new OwnMemory(config, log);
    const own = memory instanceof OwnMemory ? memory : undefined;
    if (own !== undefined) closings.push(() => own.close());
    const { outbound } = config;
    const stores = new Stores(storeRoutes(config), config.spool.storeTestMs);
    closings.push(() => stores.close());
    const refusedLater = ({ hostname, content }: RelayConfig) => ({
      hostname,
      quarantineAddress: content.quarantineAddress,
      mailLeaves: mailLeaves(outbound),
    });
    let queue: Queue | undefined;
    // The directory, by which a sender's way is found, comes with the settings for sessions.
    let returnRoutes: ReturnRoutes = async () => undefined;
    if (role !== 'worker') {
      queue = await openQueue({
        config,
        spool,
        stores,
        log,
        refusedLater: refusedLater(config),
        returnRoutes: (address) => returnRoutes(address),
      });
    }
    // The process that keeps the spool looks into its folder each second, and finds there what a worker put.
    const parts: InboundParts = {
      spool,
      stores,
      memory,
      queue: queue?.runner ?? { added: () => undefined },
      mailLeaves: mailLeaves(outbound),
    };
    const inbound = openInbound(config, parts, log);
    closings.push(() => inbound.close());
    returnRoutes = inbound.returnRoutes;
    // Before the directory is closed: a notice may be under way.
    if (queue !== undefined) closings.push(queue.close);
    await queue?.runner.start();
    const listeners: Listener[] = [];
    // One budget for all sessions: each worker has its share, for all of its legs.
    const memoryBudget = new MemoryBudget(Math.floor(config.limits.messageMemoryBytes / config.workers));
    closings.push(async () => {
      await Promise.all(listeners.map((listener) => listener.close(CLOSE_GRACE_MS)));
    });
    for (const { address, port } of role === 'queue' ? [] : config.smtp.listen) {
      const listener = await startListener({
        protocol: 'smtp',
        hostname: config.hostname,
        address,
        port,
        tls: { mode: 'starttls', ...readTlsIdentity(config.smtp.tls) },
        proxies: config.smtp.proxies,
        spillFolder: join(config.spool.path, 'tmp'),
        handlers: inbound.handlers,
        log,
        limits: listenerLimits(config),
        memory: memoryBudget,
      });
      listeners.push(listener);
    }
    const inward = [...listeners];
    // One process alone judges guessers and counts what users send.
    const forUsers =
      role === 'worker' || inbound.submissionHandlers === undefined
        ? []
        : await startSubmission(config, inbound.submissionHandlers, log);
    listeners.push(...forUsers);
    // One process alone remembers the ids of the hub's deliveries.
    let onward: Listener | undefined;
    if (role !== 'worker' && outbound?.listen !== undefined && inbound.onwardHandlers !== undefined) {
      onward = await startOnward(config, outbound.listen, inbound.onwardHandlers, log);
      listeners.push(onward);
    }
    return {
      ports: inward.map((listener) => listener.port),
      submissionPorts: forUsers.map((listener) => listener.port),
      onwardPort: onward?.port,
      queue,
      spool,
      memory,
      get sessions() {
        return listeners.reduce((sum, { connections }) => sum + connections, 0);
      },
      get outboundState() {
        return outboundState(queue);
      },
      get queued() {
        return queue?.runner.size ?? 0;
      },
      get storeHealth() {
        return stores.health;
      },
      async reload(wanted) {
        const next = { ...wanted, ...pick(config, FIXED) };
        const identity = readTlsIdentity(next.smtp.tls);
        const routes = storeRoutes(next);
        const onwardFiles = next.outbound?.listen === undefined ? undefined : onwardTls(next.outbound.listen);
        if (onwardFiles !== undefined) onward?.checkTls(onwardFiles);
        for (const listener of [...inward, ...forUsers]) listener.checkTls(identity);
        inbound.replace(next);
        for (const listener of inward) {
          listener.update({ tls: identity, handlers: inbound.handlers, limits: listenerLimits(next) });
        }
        const { submissionHandlers } = inbound;
        if (submissionHandlers !== undefined) {
          for (const listener of forUsers) listener.update({ tls: identity, handlers: submissionHandlers, limits: {} });
        }
        own?.update(next);
        if (onwardFiles !== undefined && inbound.onwardHandlers !== undefined) {
          onward?.update({ tls: onwardFiles, handlers: inbound.onwardHandlers, limits: {} });
        }
        queue?.settlement.update(refusedLater(next));
        await stores.replace(routes);
        return FIXED.filter((name) => JSON.stringify(wanted[name]) !== JSON.stringify(config[name]));
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function listenerLimits({ limits }: RelayConfig): Partial<ListenerLimits> {
  return {
    maxMessageBytes: limits.maxMessageBytes,
    maxRecipients: limits.maxRecipients,
    maxHeaderFields: limits.maxHeaderCount,
    maxHeaderBytes: limits.maxHeaderBytes,
    maxConnections: limits.maxConnections,
    maxConnectionsPerAddress: limits.maxConnectionsPerAddress,
    greetingWaitMs: limits.greetingWaitMs,
    idleTimeoutMs: limits.idleTimeoutMs,
    sessionTimeoutMs: limits.sessionTimeoutMs,
    spillBytes: limits.spillBytes,
  };
}

function pick<K extends keyof RelayConfig>(config: RelayConfig, names: readonly K[]): Pick<RelayConfig, K> {
  return Object.fromEntries(names.map((name) => [name, config[name]])) as Pick<RelayConfig, K>;
}
