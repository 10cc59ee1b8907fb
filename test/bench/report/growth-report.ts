import { thisMachine } from '../measure/machine.ts';
import { powerLawOf } from '../measure/power-law.ts';
import { curvePlot } from './curve-plot.ts';
import { saveResults } from './results-folder.ts';
import { textTable } from './text-table.ts';

/** What was measured at one size, by the figure's name with its unit. */
export interface GrowthStep {
  readonly size: number;
  readonly figures: Readonly<Record<string, number>>;
}

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
    const points = steps.map(({ size, figures }) => ({ size, value: figures[name] ?? 0 }));
    return { name, points, law: powerLawOf(points.filter(({ size }) => size >= fitFrom)) };
  });
  const table = textTable(
    [sizes, ...steps.map(({ size }) => size.toLocaleString('en')), 'exponent', 'fit'],
    curves.map(({ name, points, law }) => [
      name,
      ...points.map(({ value }) => shortened(value)),
      law?.exponent.toFixed(2) ?? '',
      law?.fit.toFixed(2) ?? '',
    ]),
  );
  const { processor, cores, kernel, node } = thisMachine();
  console.log(`\n${title}\n${processor}, ${cores} cores, Linux ${kernel}, Node ${node}\n\n${table}`);
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

function shortened(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
