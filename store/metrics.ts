import type { Directory } from '@postern/shared/directory/directory.ts';
import { type AdminRoute, type AdminServer, startAdminServer } from '@postern/shared/runtime/admin-server.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { Metrics } from '@postern/shared/runtime/metrics.ts';
import type { SessionServer } from './connection/session-server.ts';
import type { Hub } from './hub/hub.ts';
import { observeQueue } from './hub/metrics.ts';
import type { ImapServer } from './imap/server.ts';
import type { Mailstore } from './mailstore/mailstore.ts';

/** The parts of the store that are looked at. */
export interface Observed {
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly imap: ImapServer;
  readonly pop3: SessionServer | undefined;
  readonly managesieve: SessionServer | undefined;
  readonly hub: Hub;
}

/**
 * `/metrics`, `/healthz` (the process answers) and `/readyz` (the database answers, with our tables) of the store. Undefined when
 * no address is configured.
 */
export async function startStoreMetrics(
  listen: { readonly address: string; readonly port: number } | undefined,
  metrics: Metrics,
  { mailstore, directory, imap, pop3, managesieve, hub }: Observed,
  log: Log,
): Promise<AdminServer | undefined> {
  metrics.gauge({ name: 'postern_imap_sessions', help: 'IMAP sessions open now.', read: () => imap.sessions });
  const clients = {
    pop3: { server: pop3, called: 'POP3' },
    managesieve: { server: managesieve, called: 'ManageSieve' },
  };
  for (const [name, { server, called }] of Object.entries(clients)) {
    if (server === undefined) continue;
    const help = `${called} sessions open now.`;
    metrics.gauge({ name: `postern_${name}_sessions`, help, read: () => server.sessions });
  }
  observeQueue(metrics, mailstore, hub);
  metrics.countEvent({
    name: 'postern_local_programs_total',
    help: 'Runs of local programs, by what became of the message: taken, refused, kept in INBOX, later.',
    event: 'program-ran',
    field: 'verdict',
  });
  metrics.gauge({
    name: 'postern_database_up',
    help: '1 when the database answers, with the tables of this version.',
    read: async () => ((await mailstore.check()).ok ? 1 : 0),
  });
  metrics.gauge({
    name: 'postern_directory_up',
    help: '1 when the directory answers.',
    read: async () => ((await directory.check()).ok ? 1 : 0),
  });
  if (listen === undefined) return undefined;
  const routes: AdminRoute[] = [
    {
      method: 'GET',
      path: /^\/metrics$/,
      answer: async () => ({ status: 200, body: await metrics.text(), contentType: metrics.contentType }),
    },
    { method: 'GET', path: /^\/healthz$/, answer: () => ({ status: 200, body: 'ok\n' }) },
    {
      method: 'GET',
      path: /^\/readyz$/,
      answer: async () => {
        const database = await mailstore.check();
        return { status: database.ok ? 200 : 503, body: { ready: database.ok, database } };
      },
    },
  ];
  return await startAdminServer({ name: 'metrics', ...listen, routes, log });
}
