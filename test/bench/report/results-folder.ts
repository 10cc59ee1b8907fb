import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const FOLDER = resolve(import.meta.dirname, '../../../var/bench');

/** Writes the figures and the plot of one part below var/bench, and says where they are. */
export function saveResults(part: string, report: object, plot: string): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `${part}.json`), `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(join(FOLDER, `${part}.svg`), plot);
  console.log(`\nfigures: ${join('var', 'bench', `${part}.json`)}, plot: ${join('var', 'bench', `${part}.svg`)}`);
}
