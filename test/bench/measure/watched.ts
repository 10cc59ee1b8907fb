import type { Measured } from '../report/comparison-report.ts';
import { type NamedProcess, ownMemoryKiB, processorMs } from './processes.ts';

const LOOK_MS = 100;

/** What runs cost a side's programs, gathered over all of its runs; memory is looked at all the time while one goes on. */
export class Watched {
  readonly #programs: readonly NamedProcess[];
  readonly #values: number[] = [];
  readonly #processorMs = new Map<string, number>();
  #pieces = 0;
  #peakMemoryKiB = 0;

  constructor(programs: readonly NamedProcess[]) {
    this.#programs = programs;
  }

  /**
   * One run.
   *
   * @param pieces among how many its processor time is shared out: messages, pages
   * @param work resolves with the figures of the run
   */
  async run(pieces: number, work: () => Promise<number | readonly number[]>): Promise<void> {
    const before = processorMs(this.#programs);
    const look = (): void => {
      this.#peakMemoryKiB = Math.max(this.#peakMemoryKiB, ownMemoryKiB(this.#programs));
    };
    const timer = setInterval(look, LOOK_MS);
    try {
      const value = await work();
      this.#values.push(...(typeof value === 'number' ? [value] : value));
    } finally {
      clearInterval(timer);
    }
    look();
    this.#pieces += pieces;
    for (const [name, ms] of processorMs(this.#programs))
      this.#processorMs.set(name, (this.#processorMs.get(name) ?? 0) + ms - (before.get(name) ?? 0));
  }

  /** A figure of the last run that was known only after it. */
  add(value: number): void {
    this.#values.push(value);
  }

  get measured(): Measured {
    const each = [...this.#processorMs].map(([name, ms]) => [name, ms / Math.max(1, this.#pieces)] as const);
    return { values: this.#values, processorMs: Object.fromEntries(each), peakMemoryKiB: this.#peakMemoryKiB };
  }
}
