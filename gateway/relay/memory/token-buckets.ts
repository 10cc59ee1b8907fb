import { BoundedMap } from '../bounded-map.ts';

/** So many in so much time; `burst` at once after a silence. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** A token bucket for each key; keys that have been silent longest are forgotten, full, when there are too many. */
export class TokenBuckets {
  /** May be changed; buckets keep what is in them. */
  rate: Rate;
  readonly #buckets: BoundedMap<string, Bucket>;

  constructor(rate: Rate, maxKeys: number) {
    this.rate = rate;
    this.#buckets = new BoundedMap(maxKeys);
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one token; 0, or the milliseconds until there is one again. */
  take(key: string, nowMs: number): number {
    const { count, perMs, burst } = this.rate;
    const known = this.#buckets.get(key) ?? { tokens: burst, at: nowMs };
    const tokens = Math.min(burst, known.tokens + ((nowMs - known.at) * count) / perMs);
    const allowed = tokens >= 1;
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: nowMs });
    return allowed ? 0 : Math.ceil(((1 - tokens) * perMs) / count);
  }
}
