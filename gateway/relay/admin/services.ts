import { type AdminServer, type AdminTls, startAdminServer } from '@postern/shared/runtime/admin-server.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { Metrics, MetricValues } from '@postern/shared/runtime/metrics.ts';
import type { RelayConfig } from '../config.ts';
import type { Spool } from '../spool/spool.ts';
import { adminRoutes, healthRoutes, type RelayState } from './routes.ts';

/** Each process that takes mail has it; what Prometheus reads is the sum. */
export const SESSIONS_GAUGE = { name: 'postern_smtp_sessions', help: 'Sessions open now.' } as const;

/** What waits for the outside, and how safe it goes. */
export interface OutboundState {
  readonly waiting: number;
  readonly destinations: number;
  readonly tlsSuccesses: number;
  readonly tlsFailures: number;
}

/** What the services of the private leg tell about. */
export interface Observed {
  readonly spool: Spool;
  readonly state: () => RelayState;
  /** Sessions of this process. */
  readonly sessions: () => number;
  /** Metrics of the other processes of this relay. */
  readonly others: () => Promise<readonly MetricValues[]>;
  outbound(): OutboundState;
}

export interface PrivateServices {
  readonly ports: { readonly metrics?: number | undefined; readonly admin?: number | undefined };
  /** Reads the certificates of the admin service anew; throws when they do not load. */
  reload(): void;
  close(): Promise<void>;
}

/** Starts metrics and admin, those that are configured. Rejects when an address or a certificate is not to be had. */
export async function startPrivateServices(
  config: RelayConfig,
  metrics: Metrics,
  observed: Observed,
  log: Log,
): Promise<PrivateServices> {
  const { state } = observed;
  metrics.gauge({ ...SESSIONS_GAUGE, read: observed.sessions });
  metrics.gauge({ name: 'postern_spool_messages', help: 'Messages that wait.', read: () => state().queued });
  metrics.gauge({
    name: 'postern_store_up',
    help: '1 when the last answers of the store were its word on mail.',
    read: () => (state().store === 'up' ? 1 : 0),
  });
  if (config.outbound !== undefined) addOutboundGauges(metrics, observed.outbound);
  const servers: AdminServer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
  };
  try {
    let metricsServer: AdminServer | undefined;
    if (config.metrics !== undefined) {
      const routes = healthRoutes(metrics, state, observed.others);
      metricsServer = await startAdminServer({ name: 'metrics', ...config.metrics.listen, routes, log });
      servers.push(metricsServer);
    }
    const tls = adminTls(config);
    let adminServer: AdminServer | undefined;
    if (config.admin !== undefined) {
      const routes = adminRoutes(observed.spool, config.log.file);
      adminServer = await startAdminServer({ name: 'admin', ...config.admin.listen, tls, routes, log });
      servers.push(adminServer);
    }
    return {
      ports: { metrics: metricsServer?.port, admin: adminServer?.port },
      reload() {
        if (tls !== undefined) adminServer?.reloadTls(tls);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function addOutboundGauges(metrics: Metrics, read: () => OutboundState): void {
  const gauge = (name: string, help: string, of: keyof OutboundState): void =>
    metrics.gauge({ name: `postern_outbound_${name}`, help, read: () => read()[of] });
  gauge('waiting', 'Copies that wait for a domain outside.', 'waiting');
  gauge('destinations', 'Domains outside for which something waits.', 'destinations');
  gauge('tls_successes', 'Sessions of this day (UTC) that were as safe as they had to be.', 'tlsSuccesses');
  gauge('tls_failures', 'Sessions of this day (UTC) that were not.', 'tlsFailures');
}

function adminTls({ admin }: RelayConfig): AdminTls | undefined {
  return admin === undefined ? undefined : { identity: admin.tls, clientCa: admin.clientCa, clients: admin.clients };
}
