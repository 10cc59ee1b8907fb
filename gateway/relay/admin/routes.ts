import { existsSync } from 'node:fs';
import type { AdminAnswer, AdminRoute } from '@postern/shared/runtime/admin-server.ts';
import type { Metrics, MetricValues } from '@postern/shared/runtime/metrics.ts';
import { findJourneys } from '@postern/shared/trace/journey.ts';
import { readLog } from '@postern/shared/trace/log-lines.ts';
import { QUEUE_COMMANDS } from '../../cli/queue-commands.ts';
import type { Spool } from '../spool/spool.ts';

/** What the relay tells of its own state. */
export interface RelayState {
  /** Every listener answers, and the process is not stopping. */
  readonly ready: boolean;
  readonly workers: number;
  readonly queued: number;
  readonly store: string;
}

/** Journeys of one answer at most: the newest. */
const MAX_JOURNEYS = 100;

/** `/metrics`, `/healthz` (the process answers) and `/readyz` (it takes mail; a store that is away does not count: mail is spooled). */
export function healthRoutes(
  metrics: Metrics,
  state: () => RelayState,
  others: () => Promise<readonly MetricValues[]>,
): AdminRoute[] {
  return [
    {
      method: 'GET',
      path: /^\/metrics$/,
      answer: async () => ({
        status: 200,
        body: await metrics.text(await others()),
        contentType: metrics.contentType,
      }),
    },
    { method: 'GET', path: /^\/healthz$/, answer: () => ({ status: 200, body: 'ok\n' }) },
    {
      method: 'GET',
      path: /^\/readyz$/,
      answer: () => {
        const now = state();
        return { status: now.ready ? 200 : 503, body: now };
      },
    },
  ];
}

/** The commands of `postern-gateway queue` (domains that are held among them), and the relay's part of `postern trace`. */
export function adminRoutes(spool: Spool, logFile: string | undefined): AdminRoute[] {
  return [
    { method: 'GET', path: /^\/queue$/, answer: () => queue(spool, 'list', []) },
    { method: 'GET', path: /^\/queue\/([0-9a-f]{32})$/, answer: ({ parts }) => queue(spool, 'show', parts) },
    { method: 'DELETE', path: /^\/queue\/([0-9a-f]{32})$/, answer: ({ parts }) => queue(spool, 'delete', parts) },
    {
      method: 'POST',
      path: /^\/queue\/([0-9a-f]{32})\/([a-z]+)$/,
      answer: ({ parts: [id = '', command = ''] }) => queue(spool, command, [id]),
    },
    { method: 'GET', path: /^\/domains$/, answer: () => queue(spool, 'domains', []) },
    {
      method: 'POST',
      path: /^\/domains\/([a-z0-9.*-]+)\/(hold|release)$/,
      answer: ({ parts: [domain = '', what = ''] }) => queue(spool, `${what}-domain`, [domain]),
    },
    { method: 'GET', path: /^\/trace$/, answer: ({ query }) => trace(query.get('q') ?? '', logFile) },
  ];
}

async function queue(spool: Spool, name: string, ids: readonly string[]): Promise<AdminAnswer> {
  const command = QUEUE_COMMANDS.get(name);
  if (command === undefined || command.wantsIds !== ids.length > 0) {
    return { status: 404, body: { error: `no such command: ${name}` } };
  }
  const answer = await command.run(spool, ids);
  return { status: answer.failed ? 409 : 200, body: answer.json };
}

async function trace(question: string, logFile: string | undefined): Promise<AdminAnswer> {
  if (question.trim() === '') return { status: 400, body: { error: 'ask with ?q=' } };
  if (logFile === undefined || !existsSync(logFile)) {
    return { status: 501, body: { error: 'the log goes to standard output: set log.file to search it here' } };
  }
  const journeys = await findJourneys(question, () => readLog(logFile));
  const newest = journeys.slice(-MAX_JOURNEYS).map(({ lines, ...journey }) => ({
    ...journey,
    lines: lines.map(({ fields }) => fields),
  }));
  return { status: 200, body: { journeys: newest, leftOut: journeys.length - newest.length } };
}
