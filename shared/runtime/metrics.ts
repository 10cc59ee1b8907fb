import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type MetricObject,
  Registry,
} from 'prom-client';
import { observeMailEvents } from './mail-events.ts';

/** Values of one process, as they travel to the process that answers for several. */
export type MetricValues = readonly MetricObject[];

/** A gauge that is asked when it is read. */
export interface GaugeSource {
  readonly name: string;
  readonly help: string;
  read(): number | Promise<number>;
}

/** How often an event of the mail log had each value of one of its fields, which has few. */
export interface CountedEvent {
  readonly name: string;
  readonly help: string;
  readonly event: string;
  readonly field: string;
}

/** Seconds from the final dot to the answer. */
const ANSWER_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];

/**
 * The metrics of a process: node's own, what is counted from the events of the mail log (so that log and metrics never
 * differ), and gauges of its parts. Labels have few values: never an address or an id.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counted = new Map<string, (fields: Readonly<Record<string, unknown>>) => void>();

  constructor() {
    collectDefaultMetrics({ register: this.#registry, prefix: 'postern_' });
    const registers = [this.#registry];
    const total = new Counter({
      name: 'postern_mail_events_total',
      help: 'Events of the mail log, with the stage and the code of a refusal.',
      labelNames: ['event', 'stage', 'code'],
      registers,
    });
    const octets = new Counter({
      name: 'postern_mail_accepted_bytes_total',
      help: 'Octets of accepted messages.',
      registers,
    });
    const answer = new Histogram({
      name: 'postern_mail_answer_seconds',
      help: 'Time from the final dot to the positive answer.',
      buckets: ANSWER_BUCKETS,
      registers,
    });
    observeMailEvents((event, fields) => {
      const { stage, reply, bytes, tookMs } = fields;
      const code = typeof reply === 'string' ? reply.slice(0, 3) : '';
      total.inc({ event, stage: typeof stage === 'string' ? stage : '', code });
      this.#counted.get(event)?.(fields);
      if (event !== 'accepted') return;
      if (typeof bytes === 'number') octets.inc(bytes);
      if (typeof tookMs === 'number') answer.observe(tookMs / 1_000);
    });
  }

  gauge(source: GaugeSource): void {
    new Gauge({
      name: source.name,
      help: source.help,
      registers: [this.#registry],
      async collect() {
        this.set(await source.read());
      },
    });
  }

  countEvent({ name, help, event, field }: CountedEvent): void {
    const counter = new Counter({ name, help, labelNames: [field], registers: [this.#registry] });
    this.#counted.set(event, (fields) => counter.inc({ [field]: String(fields[field]) }));
  }

  values(): Promise<MetricValues> {
    return this.#registry.getMetricsAsJSON();
  }

  /** Text for Prometheus: of this process alone, or summed up with the values of others. */
  async text(others: readonly MetricValues[] = []): Promise<string> {
    if (others.length === 0) return await this.#registry.metrics();
    const all = [await this.values(), ...others].map((values) => [...values]);
    return await AggregatorRegistry.aggregate(all as never).metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}
