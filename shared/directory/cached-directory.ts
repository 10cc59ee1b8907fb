import type { AddressAnswer, Directory, SignInAnswer, SignInRequest } from './directory.ts';

/** How long answers are kept, and how many. */
export interface CacheLimits {
  /** For accounts and aliases; 0 keeps none. */
  readonly foundTtlMs: number;
  /** For refusals; 0 keeps none. */
  readonly notFoundTtlMs: number;
  /** Most answers kept; the oldest goes first. */
  readonly maxEntries?: number;
}

const DEFAULT_MAX_ENTRIES = 10_000;

interface Kept {
  readonly answer: AddressAnswer;
  readonly until: number;
}

/**
 * Keeps the answers of another directory for some seconds, and asks once for questions that come at the same time.
 * `unknown` is never kept, so a directory that returns is heard at once; sign-ins are never kept.
 *
 * @param now a clock in ms that never goes back; tests pass their own
 */
export function cachedDirectory(
  inner: Directory,
  limits: CacheLimits,
  now: () => number = () => performance.now(),
): Directory {
  const kept = new Map<string, Kept>();
  const asking = new Map<string, Promise<AddressAnswer>>();
  const maxEntries = limits.maxEntries ?? DEFAULT_MAX_ENTRIES;

  const keep = (key: string, answer: AddressAnswer): void => {
    if (answer.kind === 'unknown') return;
    const ttlMs = answer.kind === 'refused' ? limits.notFoundTtlMs : limits.foundTtlMs;
    if (ttlMs <= 0) return;
    // Taken out first, so that the order of the map is the order of age.
    kept.delete(key);
    for (const oldest of kept.keys()) {
      if (kept.size < maxEntries) break;
      kept.delete(oldest);
    }
    kept.set(key, { answer, until: now() + ttlMs });
  };

  const ask = async (key: string, address: string): Promise<AddressAnswer> => {
    try {
      const answer = await inner.lookUp(address);
      keep(key, answer);
      return answer;
    } finally {
      asking.delete(key);
    }
  };

  return {
    lookUp(address: string): Promise<AddressAnswer> {
      const key = address.toLowerCase();
      const known = kept.get(key);
      if (known !== undefined) {
        if (known.until > now()) return Promise.resolve(known.answer);
        kept.delete(key);
      }
      const underWay = asking.get(key);
      if (underWay !== undefined) return underWay;
      const question = ask(key, address);
      asking.set(key, question);
      return question;
    },
    signIn(request: SignInRequest): Promise<SignInAnswer> {
      return inner.signIn(request);
    },
    check() {
      return inner.check();
    },
    close() {
      kept.clear();
      return inner.close();
    },
  };
}
