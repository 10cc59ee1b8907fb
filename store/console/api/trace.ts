import { existsSync } from 'node:fs';
import { findJourneys } from '@postern/shared/trace/journey.ts';
import { readLog } from '@postern/shared/trace/log-lines.ts';
import { z } from 'zod';
import { askRelay, forAdministrators } from '../../administration/for-administrators.ts';
import { done, refuse } from '../../administration/outcome.ts';
import { type Route, route } from '../route.ts';

/** The way of one transaction, of what both tiers have logged. */
const journey = z.object({
  deliveryId: z.string().optional(),
  messageId: z.string().optional(),
  from: z.string().optional(),
  to: z.array(z.string()),
  lines: z.array(z.record(z.string(), z.unknown())),
});
const journeys = z.array(journey);
type Journey = z.infer<typeof journey>;

const MOST = 50;
const NO_LOG_FILE = refuse('state', 'log.file of the store is not set: its part is not told');

export const traceRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/operation/trace',
    summary: 'The way of a message through relay and store',
    action: 'session',
    query: z.object({ q: z.string().min(3).max(500) }),
    answer: z.object({ journeys, silent: z.array(z.string()) }),
    run: (call) =>
      forAdministrators(call, async () => {
        const { q } = call.query;
        const relay = await askRelay(call, 'GET', `/trace?q=${encodeURIComponent(q)}`);
        const theirs = z.object({ journeys }).safeParse(relay.kind === 'done' ? relay.value : { journeys: [] });
        const ours = await ownJourneys(q, call.services.logFile);
        return done({
          journeys: joined([...(theirs.data?.journeys ?? []), ...(ours ?? [])]).slice(-MOST),
          silent: [...(relay.kind === 'done' ? [] : [relay.why]), ...(ours === undefined ? [NO_LOG_FILE.why] : [])],
        });
      }),
  }),
];

/** Undefined: the log goes to standard output, where nobody searches it. */
async function ownJourneys(question: string, logFile: string | undefined): Promise<Journey[] | undefined> {
  if (logFile === undefined || !existsSync(logFile)) return undefined;
  const found = await findJourneys(question, () => readLog(logFile));
  return found.slice(-MOST).map(({ to, lines, ...each }) => ({
    ...each,
    to: [...to],
    lines: lines.map(({ fields }) => ({ ...fields })),
  }));
}

/** What relay and store say of the same delivery id is one journey, in the order of time. */
function joined(all: readonly Journey[]): Journey[] {
  const byId = Map.groupBy(all, ({ deliveryId }, index) => deliveryId ?? `session ${index}`);
  const timeOf = (line: Journey['lines'][number] | undefined): string => String(line?.time ?? '');
  const whole = [...byId.values()].flatMap((parts) => {
    const [first] = parts;
    if (first === undefined) return [];
    const lines = parts.flatMap((part) => part.lines).sort((a, b) => timeOf(a).localeCompare(timeOf(b)));
    return [{ ...first, lines }];
  });
  return whole.sort((a, b) => timeOf(a.lines[0]).localeCompare(timeOf(b.lines[0])));
}
