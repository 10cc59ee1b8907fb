import { thisMachine } from '../measure/machine.ts';
import { powerLawOf } from '../measure/power-law.ts';
import { median, spreadPercent } from '../measure/statistics.ts';
import { type Measured, shortened } from './comparison-report.ts';
import { curvePlot } from './curve-plot.ts';
import { saveResults } from './results-folder.ts';
import { textTable } from './text-table.ts';

/** What was measured at one size, by the figure's name with its unit. */
export interface GrowthStep {
  readonly size: number;
  readonly figures: Readonly<Record<string, Figure>>;
  /** What all of it cost by program, and the most memory. */
  readonly cost: Omit<Measured, 'values'>;
}

/** One value, or those of several runs. */
export type Figure = number | readonly number[];

export interface Growth {
  /** `growth-messages`, …: name of the files. */
  readonly part: string;
  readonly title: string;
  /** What grows. */
  readonly sizes: string;
  /** Sizes from which on the exponent is fitted: below, what is always there hides it. */
  readonly fitFrom: number;
}

/** Prints the figures by size with the exponent of each, and writes JSON and SVG below var/bench. */
export function reportGrowth({ part, title, sizes, fitFrom }: Growth, steps: readonly GrowthStep[]): void {
  const names = Object.keys(steps[0]?.figures ?? {});
  const curves = names.map((name) => {
    const points = steps.map(({ size, figures }) => ({ size, value: middleOf(figures[name] ?? 0) }));
    return { name, points, law: powerLawOf(points.filter(({ size }) => size >= fitFrom)) };
  });
  const table = textTable(
    [sizes, ...steps.map(({ size }) => size.toLocaleString('en')), 'exponent', 'fit'],
    curves.map(({ name, law }) => [
      name,
      ...steps.map(({ figures }) => textOf(figures[name] ?? 0)),
      law?.exponent.toFixed(2) ?? '',
      law?.fit.toFixed(2) ?? '',
    ]),
  );
  const { processor, cores, kernel, node } = thisMachine();
  console.log(`\n${title}\n${processor}, ${cores} cores, Linux ${kernel}, Node ${node}\n\n${table}`);
  console.log(`\n${costTable(sizes, steps)}\n`);
  console.log(`exponent: of value = c × size^exponent, fitted from ${fitFrom.toLocaleString('en')} on; fit: R²`);
  const plot = curvePlot(
    title,
    sizes,
    curves.map(({ name, points, law }) => ({ label: `${name} (${law?.exponent.toFixed(2) ?? '–'})`, points })),
  );
  const at = new Date().toISOString();
  saveResults(
    part,
    { machine: thisMachine(), at, sizes, steps, laws: curves.map(({ name, law }) => ({ name, ...law })) },
    plot,
  );
}

const middleOf = (figure: Figure): number => (typeof figure === 'number' ? figure : median(figure));

/** The median, with its spread where there were several runs. */
function textOf(figure: Figure): string {
  const middle = shortened(middleOf(figure));
  return typeof figure === 'number' || figure.length < 2 ? middle : `${middle} ±${spreadPercent(figure).toFixed(0)} %`;
}

/** Processor time of everything at a size, by program, and the most memory of all of them. */
function costTable(sizes: string, steps: readonly GrowthStep[]): string {
  const names = [...new Set(steps.flatMap(({ cost }) => Object.keys(cost.processorMs)))];
  return textTable(
    [`all of it, by ${sizes}`, ...steps.map(({ size }) => size.toLocaleString('en'))],
    [
      ...names.map((name) => [`CPU ms, ${name}`, ...steps.map(({ cost }) => shortened(cost.processorMs[name] ?? 0))]),
      ['most memory, MiB', ...steps.map(({ cost }) => (cost.peakMemoryKiB / 1024).toFixed(0))],
    ],
  );
}
