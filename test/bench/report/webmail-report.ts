import type { Machine } from '../measure/machine.ts';
import { median, spreadPercent } from '../measure/statistics.ts';
import { barPlot } from './bar-plot.ts';
import { saveResults } from './results-folder.ts';
import { textTable } from './text-table.ts';

/** One thing that was measured; less is better. */
export interface WebmailFigure {
  readonly name: string;
  readonly ours: readonly number[];
  /** Undefined where the other side has nothing like it. */
  readonly theirs?: readonly number[];
  readonly ourProcessorMs?: number;
  readonly theirProcessorMs?: number;
  /** The most that ours may be. */
  readonly goal?: number;
}

export interface WebmailReport {
  readonly machine: Machine;
  readonly messages: number;
  readonly sessions: number;
  readonly at: string;
  readonly figures: readonly WebmailFigure[];
}

/** Prints the table, and writes var/bench/webmail.json and webmail.svg. */
export function reportWebmail(report: WebmailReport): void {
  const head = [
    `inbox of ${report.messages}`,
    'ours',
    '',
    'Roundcube',
    '',
    'times less',
    'wanted',
    'met',
    'CPU ms',
    'theirs',
  ];
  console.log(`\n${textTable(head, report.figures.map(row))}`);
  const bars = report.figures.flatMap(({ name, ours, theirs }) =>
    theirs === undefined ? [] : [{ label: name, ours: median(ours), theirs: median(theirs) }],
  );
  saveResults('webmail', report, barPlot('Webmail: the shorter, the better', bars));
}

function row({ name, ours, theirs, goal, ourProcessorMs, theirProcessorMs }: WebmailFigure): string[] {
  const measured = (values: readonly number[] | undefined): string[] => {
    if (values === undefined) return ['', ''];
    return [median(values).toFixed(1), values.length > 1 ? `±${spreadPercent(values).toFixed(0)} %` : ''];
  };
  return [
    name,
    ...measured(ours),
    ...measured(theirs),
    theirs === undefined ? '' : (median(theirs) / median(ours)).toFixed(2),
    goal?.toFixed(0) ?? '',
    goal === undefined ? '' : median(ours) <= goal ? 'yes' : 'no',
    ourProcessorMs?.toFixed(0) ?? '',
    theirProcessorMs?.toFixed(0) ?? '',
  ];
}
