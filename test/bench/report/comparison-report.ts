import { thisMachine } from '../measure/machine.ts';
import { median, spreadPercent } from '../measure/statistics.ts';
import { barPlot } from './bar-plot.ts';
import { saveResults } from './results-folder.ts';
import { textTable } from './text-table.ts';

/** What was measured of one side. */
export interface Measured {
  /** The figure of each run, in the unit of the row. */
  readonly values: readonly number[];
  /** Milliseconds of processor time, of a run or of a piece of it (the report says which), by program. */
  readonly processorMs: Readonly<Record<string, number>>;
  /** The most that the side's processes held for themselves; 0 where it was not looked at. */
  readonly peakMemoryKiB: number;
}

/** Figures of which neither processor time nor memory is a side's own. */
export function figuresAlone(values: readonly number[]): Measured {
  return { values, processorMs: {}, peakMemoryKiB: 0 };
}

/** One row: ours, beside a peer's where there is one. */
export interface Comparison {
  readonly name: string;
  readonly ours: Measured;
  readonly theirs?: Measured | undefined;
  /** What is wanted of ours: the most, or the least where more is better. */
  readonly goal?: number | undefined;
}

export interface ComparisonReport {
  /** Name of the files below var/bench. */
  readonly part: string;
  readonly title: string;
  /** `ms`, `messages a second`, …: heads the columns of figures. */
  readonly unit: string;
  readonly better: 'less' | 'more';
  /** Whose processor time a figure is: `a message`, `a page`. */
  readonly each: string;
  readonly rows: readonly Comparison[];
  /** What else belongs into the file of figures. */
  readonly more?: object;
}

/**
 * Prints figures with median, spread and ratio (how many times better ours is), processor time by process and peak memory, and
 * writes them as JSON and SVG below var/bench.
 */
export function reportComparison(report: ComparisonReport): void {
  const { part, title, unit, rows, better } = report;
  const machine = thisMachine();
  const peer = rows.some(({ theirs }) => theirs !== undefined);
  const goal = rows.some((row) => row.goal !== undefined);
  const head = [
    ...[part, `ours ${unit}`, ''],
    ...(peer ? ['theirs', '', 'ratio'] : []),
    ...(goal ? ['wanted', 'met'] : []),
    ...['CPU ms', ...(peer ? ['theirs', 'share'] : []), 'MiB', ...(peer ? ['theirs'] : [])],
  ];
  const cells = rows.map((row) => [
    ...[row.name, ...figure(row.ours)],
    ...(peer ? [...figure(row.theirs), ratioOf(row, better)?.toFixed(2) ?? ''] : []),
    ...(goal ? goalOf(row, better) : []),
    ...[cpu(row.ours), ...(peer ? [cpu(row.theirs), share(row)] : [])],
    ...[memory(row.ours), ...(peer ? [memory(row.theirs)] : [])],
  ]);
  const { processor, cores, kernel, node } = machine;
  console.log(`\n${title}\n${processor}, ${cores} cores, Linux ${kernel}, Node ${node}\n\n${textTable(head, cells)}`);
  console.log(`\n${processorTable(report)}`);
  const bars = rows.map(({ name, ours, theirs }) => ({
    label: name,
    ours: median(ours.values),
    ...(theirs === undefined ? {} : { theirs: median(theirs.values) }),
  }));
  const figures = { machine, at: new Date().toISOString(), ...report };
  saveResults(part, figures, barPlot(`${title}: ${unit}, ${better} is better`, bars));
}

/** Milliseconds of processor time by program, theirs behind ours. */
function processorTable({ each, rows }: ComparisonReport): string {
  const names = (side: 'ours' | 'theirs'): string[] => [
    ...new Set(rows.flatMap((row) => Object.keys(row[side]?.processorMs ?? {}))),
  ];
  const of = (side: Measured | undefined, all: readonly string[]): string[] =>
    all.map((name) => (side?.processorMs[name] === undefined ? '' : shortened(side.processorMs[name])));
  const [ours, theirs] = [names('ours'), names('theirs')];
  return textTable(
    [`CPU ms ${each}`, ...ours, ...theirs.map((name) => `${name} (theirs)`)],
    rows.map((row) => [row.name, ...of(row.ours, ours), ...of(row.theirs, theirs)]),
  );
}

/** How many times better ours is. */
function ratioOf({ ours, theirs }: Comparison, better: 'less' | 'more'): number | undefined {
  if (theirs === undefined) return undefined;
  const [our, their] = [median(ours.values), median(theirs.values)];
  return better === 'less' ? their / our : our / their;
}

function goalOf({ ours, goal }: Comparison, better: 'less' | 'more'): string[] {
  if (goal === undefined) return ['', ''];
  const value = median(ours.values);
  return [String(goal), (better === 'less' ? value <= goal : value >= goal) ? 'yes' : 'no'];
}

function figure(side: Measured | undefined): string[] {
  if (side === undefined) return ['', ''];
  const spread = side.values.length > 1 ? `±${spreadPercent(side.values).toFixed(0)} %` : '';
  return [shortened(median(side.values)), spread];
}

const totalOf = (side: Measured): number => Object.values(side.processorMs).reduce((a, b) => a + b, 0);
const cpu = (side: Measured | undefined): string =>
  side === undefined || Object.keys(side.processorMs).length === 0 ? '' : shortened(totalOf(side));
const share = ({ ours, theirs }: Comparison): string =>
  theirs === undefined || totalOf(theirs) === 0 ? '' : (totalOf(ours) / totalOf(theirs)).toFixed(2);
const memory = (side: Measured | undefined): string =>
  side === undefined || side.peakMemoryKiB === 0 ? '' : (side.peakMemoryKiB / 1024).toFixed(0);

/** Three figures or so. */
export function shortened(value: number): string {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value >= 1 ? value.toFixed(2) : value.toFixed(3);
}
