import { cellName } from '../inbound/cells.ts';
import type { CellResult } from '../inbound/inbound.ts';
import type { RunResult } from '../inbound/load.ts';
import type { Machine } from '../measure/machine.ts';
import { median, spreadPercent } from '../measure/statistics.ts';
import { barPlot } from './bar-plot.ts';
import { saveResults } from './results-folder.ts';
import { textTable } from './text-table.ts';

export interface InboundReport {
  readonly machine: Machine;
  readonly quick: boolean;
  readonly at: string;
  readonly results: readonly CellResult[];
}

/** Prints the tables, and writes var/bench/inbound.json and inbound.svg. */
export function reportInbound(report: InboundReport): void {
  console.log(`\n${speedTable(report.results)}\n\n${processorTable(report.results)}`);
  const bars = report.results.map(({ cell, ours, theirs }) => ({
    label: cellName(cell),
    ours: speed(ours),
    theirs: speed(theirs),
  }));
  saveResults('inbound', report, barPlot('Messages per second until durable', bars));
}

const speed = (runs: readonly RunResult[]): number => median(runs.map((r) => r.messagesPerSecond));
const answer = (runs: readonly RunResult[]): number => median(runs.map((r) => r.answerMs));
const spread = (runs: readonly RunResult[]): string =>
  `±${spreadPercent(runs.map((r) => r.messagesPerSecond)).toFixed(0)} %`;
const total = (run: RunResult): number => Object.values(run.processorMs).reduce((a, b) => a + b, 0);
const memory = (runs: readonly RunResult[]): string =>
  (Math.max(...runs.map((r) => r.peakMemoryKiB)) / 1024).toFixed(0);

function speedTable(results: readonly CellResult[]): string {
  return textTable(
    [
      'load',
      'ours/s',
      '',
      'theirs/s',
      '',
      'ratio',
      'answer ms',
      'theirs',
      'CPU ms',
      'theirs',
      'share',
      'MiB',
      'theirs',
    ],
    results.map(({ cell, ours, theirs }) => [
      cellName(cell),
      speed(ours).toFixed(0),
      spread(ours),
      speed(theirs).toFixed(0),
      spread(theirs),
      (speed(ours) / speed(theirs)).toFixed(2),
      answer(ours).toFixed(2),
      answer(theirs).toFixed(2),
      median(ours.map(total)).toFixed(2),
      median(theirs.map(total)).toFixed(2),
      (median(ours.map(total)) / median(theirs.map(total))).toFixed(2),
      memory(ours),
      memory(theirs),
    ]),
  );
}

/** Milliseconds of processor time a message, by program. */
function processorTable(results: readonly CellResult[]): string {
  const names = (side: 'ours' | 'theirs'): string[] => Object.keys(results[0]?.[side][0]?.processorMs ?? {});
  const row = (runs: readonly RunResult[], side: 'ours' | 'theirs'): string[] =>
    names(side).map((name) => median(runs.map((r) => r.processorMs[name] ?? 0)).toFixed(2));
  return textTable(
    ['CPU ms a message', ...names('ours'), ...names('theirs').map((name) => `${name} (theirs)`)],
    results.map(({ cell, ours, theirs }) => [cellName(cell), ...row(ours, 'ours'), ...row(theirs, 'theirs')]),
  );
}
