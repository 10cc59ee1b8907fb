import type { Metrics } from '@postern/shared/runtime/metrics.ts';
import type { Mailstore, OutgoingCounts } from '../mailstore/mailstore.ts';
import type { Hub } from './hub.ts';

const QUEUE = {
  pending: 'Messages that wait to be sent, or to be tried again.',
  claimed: 'Messages that some process is sending.',
  held: 'Messages that an administrator holds.',
} as const;

/** Gauges of the queue. What the database does not tell now is not a number. */
export function observeQueue(metrics: Metrics, mailstore: Mailstore, hub: Hub): void {
  metrics.gauge({
    name: 'postern_outgoing_sending',
    help: 'Messages that this process is sending.',
    read: () => hub.inHand,
  });
  const read = (figure: (counts: OutgoingCounts) => number) => async (): Promise<number> => {
    try {
      return figure(await mailstore.outgoing.counts());
    } catch {
      // `postern_database_up` says why.
      return Number.NaN;
    }
  };
  for (const [state, help] of Object.entries(QUEUE) as [keyof typeof QUEUE, string][]) {
    metrics.gauge({ name: `postern_outgoing_${state}`, help, read: read((counts) => counts[state]) });
  }
  metrics.gauge({
    name: 'postern_outgoing_oldest_due_seconds',
    help: 'How long the oldest message that is due has waited to be taken up.',
    read: read(({ oldestDueMs }) => oldestDueMs / 1000),
  });
}
