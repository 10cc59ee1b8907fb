import { familyOf, type NamedProcess, ownMemoryKiB } from '../bench/measure/processes.ts';
import { median } from '../bench/measure/statistics.ts';

/** Memory of the programs at one instant. */
export interface Sample {
  readonly second: number;
  /** MiB that each program holds for itself, its children included. */
  readonly memoryMiB: Readonly<Record<string, number>>;
}

/** How long something took, in milliseconds. */
export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly most: number;
}

/** What a soak gathers: how long each kind of work took, what failed, and memory over time. */
export class Figures {
  readonly samples: Sample[] = [];
  readonly errors: { readonly second: number; readonly kind: string; readonly text: string }[] = [];
  readonly #took = new Map<string, number[]>();
  readonly #began = performance.now();

  get second(): number {
    return (performance.now() - this.#began) / 1_000;
  }

  /** Runs a piece of work, and counts how long it took, or that it failed; never rejects. */
  async time(kind: string, work: () => Promise<void>): Promise<boolean> {
    const from = performance.now();
    try {
      await work();
    } catch (fault) {
      this.errors.push({ second: Math.round(this.second), kind, text: (fault as Error).message.slice(0, 300) });
      return false;
    }
    const took = this.#took.get(kind) ?? [];
    took.push(performance.now() - from);
    this.#took.set(kind, took);
    return true;
  }

  sample(programs: readonly NamedProcess[]): void {
    const memoryMiB = Object.fromEntries(
      programs.map((program) => [program.name, Math.round((ownMemoryKiB([program]) / 1_024) * 10) / 10]),
    );
    for (const { name, pid } of programs) {
      if (familyOf(pid).length === 0)
        this.errors.push({ second: Math.round(this.second), kind: name, text: 'it ended' });
    }
    this.samples.push({ second: Math.round(this.second), memoryMiB });
  }

  latencies(): Record<string, Latency> {
    return Object.fromEntries([...this.#took].map(([kind, took]) => [kind, latencyOf(took)]));
  }

  /** For each program: the median of the second quarter of the time, that of the last, and how much more that is. */
  growth(): Record<string, { readonly beforeMiB: number; readonly afterMiB: number; readonly percent: number }> {
    const quarter = Math.max(1, Math.floor(this.samples.length / 4));
    const of = (samples: readonly Sample[], name: string): number => median(samples.map((s) => s.memoryMiB[name] ?? 0));
    return Object.fromEntries(
      Object.keys(this.samples[0]?.memoryMiB ?? {}).map((name) => {
        const beforeMiB = of(this.samples.slice(quarter, 2 * quarter), name);
        const afterMiB = of(this.samples.slice(-quarter), name);
        return [name, { beforeMiB, afterMiB, percent: Math.round((afterMiB / beforeMiB - 1) * 1_000) / 10 }];
      }),
    );
  }
}

function latencyOf(took: readonly number[]): Latency {
  const sorted = [...took].sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) * 10) / 10;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), most: at(1) };
}
