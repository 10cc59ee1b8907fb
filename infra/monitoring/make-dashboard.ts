import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes dashboard.json, which Grafana imports: `node infra/monitoring/make-dashboard.ts`. Panels are declared here, one a line. */

interface Panel {
  readonly title: string;
  readonly kind: 'stat' | 'timeseries';
  readonly unit: string;
  readonly queries: readonly (readonly [expression: string, legend: string])[];
}

const PANELS: readonly Panel[] = [
  { title: 'Store reachable', kind: 'stat', unit: 'bool_yes_no', queries: [['min(postern_store_up)', 'store']] },
  { title: 'Database', kind: 'stat', unit: 'bool_yes_no', queries: [['min(postern_database_up)', 'database']] },
  { title: 'Directory', kind: 'stat', unit: 'bool_yes_no', queries: [['min(postern_directory_up)', 'directory']] },
  {
    title: 'Waiting in the spool',
    kind: 'stat',
    unit: 'short',
    queries: [['sum(postern_spool_messages)', 'messages']],
  },
  {
    title: 'Mail a second',
    kind: 'timeseries',
    unit: 'short',
    queries: [
      ['sum(rate(postern_mail_events_total{event="accepted"}[5m]))', 'accepted'],
      ['sum(rate(postern_mail_events_total{event="delivered"}[5m]))', 'delivered'],
      ['sum(rate(postern_mail_events_total{event="spooled"}[5m]))', 'spooled'],
    ],
  },
  {
    title: 'Refusals a second by stage',
    kind: 'timeseries',
    unit: 'short',
    queries: [['sum by (stage, code) (rate(postern_mail_events_total{event="refused"}[5m]))', '{{stage}} {{code}}']],
  },
  {
    title: 'Time from the final dot to the answer',
    kind: 'timeseries',
    unit: 's',
    queries: ['0.5', '0.95', '0.99'].map((q) => [
      `histogram_quantile(${q}, sum by (le) (rate(postern_mail_answer_seconds_bucket[5m])))`,
      `p${Number(q) * 100}`,
    ]),
  },
  {
    title: 'Octets accepted a second',
    kind: 'timeseries',
    unit: 'Bps',
    queries: [['sum(rate(postern_mail_accepted_bytes_total[5m]))', 'octets']],
  },
  {
    title: 'Sessions',
    kind: 'timeseries',
    unit: 'short',
    queries: [
      ['sum by (instance) (postern_smtp_sessions)', 'SMTP {{instance}}'],
      ['sum by (instance) (postern_imap_sessions)', 'IMAP {{instance}}'],
      ['sum by (instance) (postern_pop3_sessions)', 'POP3 {{instance}}'],
      ['sum by (instance) (postern_managesieve_sessions)', 'ManageSieve {{instance}}'],
      ['sum by (instance) (postern_webmail_sessions)', 'webmail {{instance}}'],
    ],
  },
  {
    title: 'Spool',
    kind: 'timeseries',
    unit: 'short',
    queries: [['postern_spool_messages', '{{instance}}']],
  },
  {
    title: 'The hub’s queue',
    kind: 'timeseries',
    unit: 'short',
    queries: [
      ['max(postern_outgoing_pending)', 'waiting'],
      ['max(postern_outgoing_claimed)', 'being sent'],
      ['max(postern_outgoing_held)', 'held'],
    ],
  },
  {
    title: 'Local programs an hour',
    kind: 'timeseries',
    unit: 'short',
    queries: [['sum by (verdict) (increase(postern_local_programs_total[1h]))', '{{verdict}}']],
  },
  {
    title: 'Longest wait of what is due in the hub',
    kind: 'timeseries',
    unit: 's',
    queries: [['max(postern_outgoing_oldest_due_seconds)', 'oldest']],
  },
  {
    title: 'The relay’s queue to the outside',
    kind: 'timeseries',
    unit: 'short',
    queries: [
      ['sum by (instance) (postern_outbound_waiting)', 'waiting {{instance}}'],
      ['sum by (instance) (postern_outbound_destinations)', 'destinations {{instance}}'],
      ['sum by (instance) (postern_outbound_tls_failures)', 'TLS failures of the day {{instance}}'],
    ],
  },
  {
    title: 'Webmail',
    kind: 'timeseries',
    unit: 'short',
    queries: [
      ['sum by (instance) (postern_webmail_streams)', 'event streams {{instance}}'],
      ['sum by (instance) (postern_webmail_store_connections)', 'connections to the store {{instance}}'],
    ],
  },
  {
    title: 'Sign-ins, rules and limits a second',
    kind: 'timeseries',
    unit: 'short',
    queries: [
      ['sum(rate(postern_mail_events_total{event="sign-in-refused"}[5m]))', 'sign-ins refused'],
      ['sum(rate(postern_mail_events_total{event="sending-limit-reached"}[5m]))', 'sending limits reached'],
      ['sum(rate(postern_mail_events_total{event="script-changed"}[5m]))', 'Sieve scripts changed'],
      ['sum(rate(postern_mail_events_total{event="bounced"}[5m]))', 'given up'],
    ],
  },
  {
    title: 'Memory',
    kind: 'timeseries',
    unit: 'bytes',
    queries: [['postern_process_resident_memory_bytes', '{{job}} {{instance}}']],
  },
  {
    title: 'Event loop, latest percentile',
    kind: 'timeseries',
    unit: 's',
    queries: [['postern_nodejs_eventloop_lag_p99_seconds', '{{job}} {{instance}}']],
  },
];

const SOURCE = { type: 'prometheus', uid: `\${source}` };

function dashboard(): object {
  const stats = PANELS.filter(({ kind }) => kind === 'stat').length;
  const panels = PANELS.map(({ title, kind, unit, queries }, index) => {
    const place = index - stats;
    const gridPos =
      kind === 'stat'
        ? { x: index * 6, y: 0, w: 6, h: 4 }
        : { x: (place % 2) * 12, y: 4 + Math.floor(place / 2) * 8, w: 12, h: 8 };
    return {
      id: index + 1,
      type: kind,
      title,
      datasource: SOURCE,
      gridPos,
      fieldConfig: { defaults: { unit }, overrides: [] },
      targets: queries.map(([expr, legendFormat], n) => ({
        refId: String.fromCharCode(65 + n),
        datasource: SOURCE,
        expr,
        legendFormat,
      })),
    };
  });
  return {
    uid: 'postern',
    title: 'Postern',
    schemaVersion: 39,
    time: { from: 'now-6h', to: 'now' },
    refresh: '30s',
    templating: { list: [{ name: 'source', type: 'datasource', query: 'prometheus', label: 'Prometheus' }] },
    panels,
  };
}

writeFileSync(join(import.meta.dirname, 'dashboard.json'), `${JSON.stringify(dashboard(), null, 2)}\n`);
