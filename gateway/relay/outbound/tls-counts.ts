import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '@postern/shared/runtime/log.ts';
import { z } from 'zod';

/** RFC 8460 §4.3. */
export type ResultType =
  | 'starttls-not-supported'
  | 'certificate-host-mismatch'
  | 'certificate-expired'
  | 'certificate-not-trusted'
  | 'validation-failure'
  | 'dane-required';

/** The policy that a session was under (RFC 8460 §4.2). */
export interface ReportedPolicy {
  readonly kind: 'tlsa' | 'sts' | 'no-policy-found';
  readonly lines: readonly string[];
  readonly mx: readonly string[];
}

const countSchema = z.object({
  policy: z.object({
    kind: z.enum(['tlsa', 'sts', 'no-policy-found']),
    lines: z.array(z.string()),
    mx: z.array(z.string()),
  }),
  successes: z.int(),
  /** By result and receiving host, a space between. */
  failures: z.record(z.string(), z.int()),
});
const daySchema = z.record(z.string(), z.record(z.string(), countSchema));

/** Counts of one day: by domain, then by policy type. */
export type DayOfCounts = z.infer<typeof daySchema>;

const SAVE_EVERY_MS = 30_000;
const MAX_DOMAINS = 50_000;
/** Of one domain and policy: hosts are named by strangers. */
const MAX_FAILURES = 100;

/** Sessions with other servers by the day (UTC), as TLS reports count them (RFC 8460); kept in files. */
export class TlsCounts {
  readonly #folder: string;
  readonly #log: Log;
  readonly #keepDays: number;
  #day = '';
  #counts: DayOfCounts = {};
  #changed = false;
  readonly #timer: NodeJS.Timeout;
  #saving: Promise<void> = Promise.resolve();

  private constructor(folder: string, keepDays: number, log: Log) {
    this.#folder = folder;
    this.#keepDays = keepDays;
    this.#log = log;
    this.#timer = setInterval(() => this.#save(), SAVE_EVERY_MS);
    this.#timer.unref();
  }

  static async open(folder: string, keepDays: number, log: Log): Promise<TlsCounts> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const counts = new TlsCounts(folder, keepDays, log);
    counts.#day = today();
    counts.#counts = await readDay(folder, counts.#day);
    return counts;
  }

  success(domain: string, policy: ReportedPolicy): void {
    const count = this.#countOf(domain, policy);
    if (count !== undefined) count.successes++;
  }

  failure(domain: string, policy: ReportedPolicy, result: ResultType, host: string): void {
    const failures = this.#countOf(domain, policy)?.failures;
    if (failures === undefined) return;
    const key = `${result} ${host}`;
    if (failures[key] === undefined && Object.keys(failures).length >= MAX_FAILURES) return;
    failures[key] = (failures[key] ?? 0) + 1;
  }

  /** Sums for metrics. */
  get totals(): { readonly successes: number; readonly failures: number } {
    const all = Object.values(this.#counts).flatMap((policies) => Object.values(policies));
    const failed = all.flatMap(({ failures }) => Object.values(failures));
    return { successes: sum(all.map((count) => count.successes)), failures: sum(failed) };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#save();
    await this.#saving;
  }

  /** Writes what was counted since. */
  flush(): Promise<void> {
    this.#save();
    return this.#saving;
  }

  #countOf(domain: string, policy: ReportedPolicy) {
    if (this.#day !== today()) {
      this.#save();
      this.#day = today();
      this.#counts = {};
    }
    const known = Object.hasOwn(this.#counts, domain) ? this.#counts[domain] : undefined;
    if (known === undefined && Object.keys(this.#counts).length >= MAX_DOMAINS) return undefined;
    this.#changed = true;
    const policies = known ?? {};
    this.#counts[domain] = policies;
    const count = policies[policy.kind] ?? {
      policy: { kind: policy.kind, lines: [...policy.lines], mx: [...policy.mx] },
      successes: 0,
      failures: {},
    };
    policies[policy.kind] = count;
    return count;
  }

  #save(): void {
    if (!this.#changed) return;
    this.#changed = false;
    const path = join(this.#folder, `${this.#day}.json`);
    const text = JSON.stringify(this.#counts);
    this.#saving = this.#saving
      .then(async () => {
        await writeFile(`${path}.new`, text, { mode: 0o600 });
        await rename(`${path}.new`, path);
        await forgetOldDays(this.#folder, this.#keepDays);
      })
      .catch((error: unknown) => this.#log.warn({ event: 'tls-counts-unwritable', err: error }));
  }
}

/** The counts of a day (`YYYY-MM-DD`); empty when there are none. */
export async function readDay(folder: string, day: string): Promise<DayOfCounts> {
  let text: string;
  try {
    text = await readFile(join(folder, `${day}.json`), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  return daySchema.parse(JSON.parse(text));
}

async function forgetOldDays(folder: string, keepDays: number): Promise<void> {
  const oldest = new Date(Date.now() - keepDays * 86_400_000).toISOString().slice(0, 10);
  for (const name of await readdir(folder)) {
    if (/^\d{4}-\d\d-\d\d\.json$/.test(name) && name.slice(0, 10) < oldest)
      await rm(join(folder, name), { force: true });
  }
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
