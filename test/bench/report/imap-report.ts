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
    ['command', 'ours ms', '', 'theirs ms', '', 'times as fast', 'wanted', 'met', 'CPU ms', 'theirs', 'MiB', 'theirs'],
    report.results.map(row),
  );
  console.log(`\n${table}\n\n${programTable(report.results)}`);
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
    total(ours),
    total(theirs),
    memory(ours),
    memory(theirs),
  ];
}

const sum = (values: Readonly<Record<string, number>>): number => Object.values(values).reduce((a, b) => a + b, 0);
const total = (runs: TaskRuns | undefined): string => (runs === undefined ? '' : sum(runs.processorMs).toFixed(0));
const memory = (runs: TaskRuns | undefined): string =>
  runs === undefined ? '' : (sum(runs.peakMemoryKiB) / 1024).toFixed(0);

/** Processor time of a run and memory after it, by program of ours; theirs is one. MariaDB's memory is its buffer pool, which fills with what is touched. */
function programTable(results: readonly TaskResult[]): string {
  const names = Object.keys(results.find(({ ours }) => ours !== undefined)?.ours?.processorMs ?? {});
  return textTable(
    ['command', ...names.map((each) => `${each} CPU ms`), ...names.map((each) => `${each} MiB`)],
    results.map(({ name, ours }) => [
      name,
      ...names.map((each) => ours?.processorMs[each]?.toFixed(0) ?? ''),
      ...names.map((each) => ((ours?.peakMemoryKiB[each] ?? 0) / 1024).toFixed(0)),
    ]),
  );
}
