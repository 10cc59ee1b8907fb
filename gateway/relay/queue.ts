import type { Log } from '@postern/shared/runtime/log.ts';
import type { OutboundState } from './admin/services.ts';
import type { RelayConfig } from './config.ts';
import { mailLeaves, type Outbound, openOutbound } from './outbound/open-outbound.ts';
import type { Carrier } from './spool/carrier.ts';
import { ClosedCarrier } from './spool/closed-carrier.ts';
import type { ReturnRoutes } from './spool/notices.ts';
import { QueueRunner } from './spool/queue-runner.ts';
import type { RefusedLaterOptions } from './spool/refused-later.ts';
import { Settlement } from './spool/settlement.ts';
import type { Spool } from './spool/spool.ts';
import { StoreCarrier } from './spool/store-carrier.ts';
import type { Stores } from './stores.ts';

/** The spool's runner with all its destinations. */
export interface Queue {
  readonly runner: QueueRunner;
  readonly settlement: Settlement;
  /** Undefined when mail does not leave. */
  readonly outbound: Outbound | undefined;
  close(): Promise<void>;
}

export interface QueueParts {
  readonly config: RelayConfig;
  readonly spool: Spool;
  readonly stores: Stores;
  readonly log: Log;
  readonly refusedLater: RefusedLaterOptions;
  readonly returnRoutes: ReturnRoutes;
}

/** Longest that a stop waits for messages that are being sent outside; they stay in the spool. */
const CLOSE_GRACE_MS = 5_000;
const DAY_MS = 86_400_000;

/** Rejects when a key or a certificate does not load. Nothing is tried before {@link QueueRunner.start}. */
export async function openQueue({
  config,
  spool,
  stores,
  log,
  refusedLater,
  returnRoutes,
}: QueueParts): Promise<Queue> {
  const { outbound: settings } = config;
  const outbound =
    settings !== undefined && mailLeaves(settings) ? await openOutbound(config, settings, log) : undefined;
  outbound?.hold(await spool.heldDomains());
  const settlement = new Settlement(spool, returnRoutes, log, refusedLater);
  const storeCarriers = new Map<string, StoreCarrier>();
  const schedule = { ...config.spool, delayWarningMs: settings?.queue.delayWarningMs ?? 0 };
  const carrierOf = (key: string): Carrier => {
    const store = /^store:(.*)$/s.exec(key)?.[1];
    if (store === undefined) return outbound?.carrierOf(key) ?? new ClosedCarrier(settings?.queue ?? schedule);
    const { storeTestMs, concurrency } = config.spool;
    const carrier = new StoreCarrier(store, stores, schedule, storeTestMs, concurrency);
    storeCarriers.set(store, carrier);
    return carrier;
  };
  const runner = new QueueRunner(spool, carrierOf, settlement, log, {
    storeConcurrency: config.spool.concurrency,
    outsideConcurrency: settings?.queue.concurrency ?? 1,
    memoryBytes: settings?.queue.memoryBytes ?? 0,
    storeTestMs: config.spool.storeTestMs,
    finishedMs: (settings?.queue.finishedDays ?? 10) * DAY_MS,
  });
  runner.onDomains = (held) => {
    log.warn({ event: 'domains-held', domains: held });
    outbound?.hold(held);
  };
  stores.onUp = (store) => {
    storeCarriers.get(store)?.isUp();
    runner.storeIsUp(`store:${store}`);
  };
  return {
    runner,
    settlement,
    outbound,
    async close() {
      outbound?.endSoon(CLOSE_GRACE_MS);
      await runner.close();
      await outbound?.close();
    },
  };
}

/** What waits for the outside, for the metrics. */
export function outboundState(queue: Queue | undefined): OutboundState {
  const waiting = [...(queue?.runner.waiting ?? [])].filter(([key, size]) => size > 0 && !key.startsWith('store:'));
  const { successes = 0, failures = 0 } = queue?.outbound?.counts.totals ?? {};
  return {
    waiting: waiting.reduce((sum, [, size]) => sum + size, 0),
    destinations: waiting.length,
    tlsSuccesses: successes,
    tlsFailures: failures,
  };
}
