import type { Outcome } from '@postern/shared/delivery/outcome.ts';

/** Asks the store for its word on one account and a message of a size. */
export type Probe = (address: string, sizeBytes: number | undefined, store: string) => Promise<Outcome | undefined>;

interface Kept {
  readonly outcome: Outcome;
  /** The size that was asked for; `0` when none was announced. */
  readonly sizeBytes: number;
  readonly until: number;
}

/**
 * Keeps the store's word on an account for a moment, and asks once for questions that come at the same time. A yes
 * holds for smaller messages too; a no for the same size alone. Words that say nothing of the recipient are not kept.
 *
 * @param now a clock in ms that never goes back
 */
export function cachedProbe(probe: Probe, ttlMs: number, maxEntries = 10_000, now = () => performance.now()): Probe {
  const kept = new Map<string, Kept>();
  const asking = new Map<string, Promise<Outcome | undefined>>();

  const ask = async (key: string, ...[address, sizeBytes, store]: Parameters<Probe>): Promise<Outcome | undefined> => {
    try {
      const outcome = await probe(address, sizeBytes, store);
      if (outcome !== undefined && (outcome.kind !== 'deferred' || outcome.reply.enhanced.startsWith('4.2.'))) {
        kept.delete(address);
        if (kept.size >= maxEntries) kept.delete(kept.keys().next().value ?? '');
        kept.set(address, { outcome, sizeBytes: sizeBytes ?? 0, until: now() + ttlMs });
      }
      return outcome;
    } finally {
      asking.delete(key);
    }
  };

  return (address, sizeBytes, store) => {
    const known = kept.get(address);
    if (known !== undefined) {
      const size = sizeBytes ?? 0;
      const fits = known.outcome.kind === 'delivered' ? size <= known.sizeBytes : size === known.sizeBytes;
      if (fits && known.until > now()) return Promise.resolve(known.outcome);
    }
    const key = `${sizeBytes ?? 0} ${address}`;
    const underWay = asking.get(key);
    if (underWay !== undefined) return underWay;
    const question = ask(key, address, sizeBytes, store);
    asking.set(key, question);
    return question;
  };
}
