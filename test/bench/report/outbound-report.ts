import type { Machine } from '../measure/machine.ts';
import { median, spreadPercent } from '../measure/statistics.ts';
import type { OutboundResult, Run } from '../outbound/outbound.ts';
import { barPlot } from './bar-plot.ts';
import { saveResults } from './results-folder.ts';
import { textTable } from './text-table.ts';

export interface OutboundReport {
  readonly machine: Machine;
  readonly quick: boolean;
  readonly at: string;
  readonly results: readonly OutboundResult[];
}

const speed = (runs: readonly Run[]): number => median(runs.map((run) => run.messagesPerSecond));
const spread = (runs: readonly Run[]): string => `±${spreadPercent(runs.map((r) => r.messagesPerSecond)).toFixed(0)} %`;
const cpu = (runs: readonly Run[]): number => median(runs.map((run) => run.processorMs));
const memory = (runs: readonly Run[]): string => (Math.max(...runs.map((run) => run.peakMemoryKiB)) / 1024).toFixed(0);

/** Prints the table, and writes var/bench/outbound.json and outbound.svg. */
export function reportOutbound(report: OutboundReport): void {
  const head = ['5 KB messages', 'ours/s', '', 'theirs/s', '', 'ratio', 'CPU ms', 'theirs', 'share', 'MiB', 'theirs'];
  const rows = report.results.map(({ sessions, ours, theirs }) => [
    ...[`${sessions} at a time`, speed(ours).toFixed(0), spread(ours), speed(theirs).toFixed(0), spread(theirs)],
    ...[(speed(ours) / speed(theirs)).toFixed(2), cpu(ours).toFixed(2), cpu(theirs).toFixed(2)],
    ...[(cpu(ours) / cpu(theirs)).toFixed(2), memory(ours), memory(theirs)],
  ]);
  console.log(`\n${textTable(head, rows)}`);
  const bars = report.results.map(({ sessions, ours, theirs }) => ({
    label: `${sessions} at a time`,
    ours: speed(ours),
    theirs: speed(theirs),
  }));
  saveResults('outbound', report, barPlot('Messages per second, in and out', bars));
}
