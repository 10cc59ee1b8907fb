import type { TaskResult, TaskRuns } from '../imap/imap.ts';
import type { Machine } from '../measure/machine.ts';
import { median, spreadPercent } from '../measure/statistics.ts';
import { barPlot } from './bar-plot.ts';
import { saveResults } from './results-folder.ts';
import { textTable } from './text-table.ts';

export interface ImapReport {
  readonly machine: Machine;
  readonly messages: number;
  readonly at: string;
  readonly results: readonly TaskResult[];
}

const time = (runs: TaskRuns): number => median(runs.milliseconds);

/** Prints the table, and writes var/bench/imap.json and imap.svg. */
export function reportImap(report: ImapReport): void {
  const table = textTable(
    ['command', 'ours ms', '', 'theirs ms', '', 'times as fast', 'wanted', 'met', 'CPU ms', 'theirs'],
    report.results.map(row),
  );
  console.log(`\n${table}`);
  const bars = report.results.flatMap(({ name, ours, theirs }) =>
    ours === undefined || theirs === undefined ? [] : [{ label: name, ours: time(ours), theirs: time(theirs) }],
  );
  saveResults('imap', report, barPlot('Milliseconds: the shorter, the faster', bars));
}

function row({ name, goal, ours, theirs }: TaskResult): string[] {
  const measured = (runs: TaskRuns | undefined): string[] =>
    runs === undefined
      ? ['not offered', '']
      : [time(runs).toFixed(2), `±${spreadPercent(runs.milliseconds).toFixed(0)} %`];
  const ratio = ours === undefined || theirs === undefined ? undefined : time(theirs) / time(ours);
  const wanted = 'ratio' in goal ? `${goal.ratio}` : `${goal.milliseconds} ms`;
  const met =
    ours !== undefined &&
    ('ratio' in goal ? ratio === undefined || ratio >= goal.ratio : time(ours) <= goal.milliseconds);
  return [
    name,
    ...measured(ours),
    ...measured(theirs),
    ratio?.toFixed(2) ?? '',
    wanted,
    met ? 'yes' : 'no',
    ours?.processorMs.toFixed(0) ?? '',
    theirs?.processorMs.toFixed(0) ?? '',
  ];
}
