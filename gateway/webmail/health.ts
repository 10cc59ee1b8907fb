import { type AdminServer, startAdminServer } from '@postern/shared/runtime/admin-server.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { Metrics, MetricValues } from '@postern/shared/runtime/metrics.ts';
import type { WebmailConfig } from './config.ts';
import { StoreConnection } from './imap/store-connection.ts';
import type { PushSender } from './push/push-sender.ts';
import { storeEndpoint, type Webmail } from './webmail.ts';

/** What a process that answers requests counts. */
export function observe(metrics: Metrics, webmail: Webmail): void {
  metrics.gauge({
    name: 'postern_webmail_sessions',
    help: 'Sessions that asked lately.',
    read: () => webmail.sessions,
  });
  metrics.gauge({ name: 'postern_webmail_streams', help: 'Event streams open now.', read: () => webmail.streams });
  metrics.gauge({
    name: 'postern_webmail_store_connections',
    help: 'Connections to the store.',
    read: () => webmail.storeConnections,
  });
  metrics.gauge({
    name: 'postern_webmail_upload_bytes',
    help: 'Octets of uploads that no message contains yet.',
    read: () => webmail.uploadBytes,
  });
}

/** What the process counts that tells devices of changes. */
export function observePush(metrics: Metrics, push: PushSender): void {
  metrics.gauge({
    name: 'postern_webmail_push_sessions',
    help: 'Sessions that are told of changes while no browser is open.',
    read: () => push.size,
  });
}

export interface Watched {
  readonly ready: () => boolean;
  /** Metrics of the other processes of this host. */
  readonly others: () => Promise<readonly MetricValues[]>;
}

/** `/healthz` (the process lives), `/readyz` (and the store answers), `/metrics`, on the private leg; undefined when not wanted. */
export async function startHealth(
  config: WebmailConfig,
  metrics: Metrics,
  log: Log,
  { ready, others }: Watched,
): Promise<AdminServer | undefined> {
  if (config.metrics === undefined) return undefined;
  return startAdminServer({
    name: 'metrics',
    ...config.metrics.listen,
    log,
    routes: [
      { method: 'GET', path: /^\/healthz$/, answer: () => ({ status: 200, body: 'ok\n' }) },
      {
        method: 'GET',
        path: /^\/readyz$/,
        async answer() {
          const store = await storeAnswers(config);
          const good = store && ready();
          return { status: good ? 200 : 503, body: { ready: good, store: store ? 'up' : 'down' } };
        },
      },
      {
        method: 'GET',
        path: /^\/metrics$/,
        answer: async () => ({
          status: 200,
          body: await metrics.text(await others()),
          contentType: metrics.contentType,
        }),
      },
    ],
  });
}

async function storeAnswers(config: WebmailConfig): Promise<boolean> {
  try {
    (await StoreConnection.open(storeEndpoint(config))).close();
    return true;
  } catch {
    return false;
  }
}
