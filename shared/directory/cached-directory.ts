import type { AddressAnswer, Directory, SignInAnswer, SignInRequest } from './directory.ts';
import type { KnownAddresses } from './known-addresses.ts';

/** How long answers are kept, and how many. */
export interface CacheLimits {
  /** For accounts and aliases; 0 keeps none. */
  readonly foundTtlMs: number;
  /** For refusals; 0 keeps none. */
  readonly notFoundTtlMs: number;
  /** Most answers kept; the oldest goes first. */
  readonly maxEntries?: number;
  /** What may be told while the directory does not answer; nothing when unset. */
  readonly known?: KnownAddresses;
  /** Hears of each stale answer, for the log. */
  readonly onStale?: (address: string, ageMs: number, cause: string) => void;
}

const DEFAULT_MAX_ENTRIES = 10_000;

/** While the directory does not answer, so long nobody waits for it who can be told what was known. */
const STALE_AT_ONCE_MS = 1_000;

interface Kept {
  readonly answer: AddressAnswer;
  readonly until: number;
}

/**
 * Keeps the answers of another directory for some seconds, and asks once for questions that come at the same time.
 * `unknown` is never kept, so a directory that returns is heard at once. Sign-ins are always asked anew; the account that one tells is kept.
 * Accounts and aliases that were found before stand in, when `known` has them, for a directory that does not answer; a
 * refusal never does, so that an outage makes nobody unknown (invariant 4).
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

  const { known } = limits;
  let silentSince: { readonly at: number; readonly cause: string } | undefined;

  /** What was known of an address, if it is not too old. */
  const recall = async (key: string, address: string, cause: string): Promise<AddressAnswer | undefined> => {
    const before = await known?.recall(key);
    if (before !== undefined) limits.onStale?.(address, before.ageMs, cause);
    return before?.answer;
  };

  const ask = async (key: string, address: string): Promise<AddressAnswer> => {
    try {
      const answer = await inner.lookUp(address);
      keep(key, answer);
      known?.remember(key, answer);
      silentSince = answer.kind === 'unknown' ? { at: now(), cause: answer.cause } : undefined;
      return answer.kind === 'unknown' ? ((await recall(key, address, answer.cause)) ?? answer) : answer;
    } finally {
      asking.delete(key);
    }
  };

  return {
    async lookUp(address: string): Promise<AddressAnswer> {
      const key = address.toLowerCase();
      const recent = kept.get(key);
      if (recent !== undefined) {
        if (recent.until > now()) return recent.answer;
        kept.delete(key);
      }
      if (known !== undefined && silentSince !== undefined && now() - silentSince.at < STALE_AT_ONCE_MS) {
        const stale = await recall(key, address, silentSince.cause);
        if (stale !== undefined) return stale;
      }
      const underWay = asking.get(key);
      if (underWay !== undefined) return underWay;
      const question = ask(key, address);
      asking.set(key, question);
      return question;
    },
    async signIn(request: SignInRequest): Promise<SignInAnswer> {
      const answer = await inner.signIn(request);
      // What was kept may be older than the password that has just opened the account, and would end its session at once.
      if (answer.kind === 'granted') {
        const { account } = answer;
        keep(account.address, { kind: 'account', account });
        known?.remember(account.address, { kind: 'account', account });
      }
      return answer;
    },
    findAppPassword(account, name) {
      return inner.findAppPassword(account, name);
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
