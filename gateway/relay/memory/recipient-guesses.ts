import { BoundedMap } from '../bounded-map.ts';
import { networkOf, plainAddress } from '../dns/client-address.ts';

export interface GuessLimits {
  /** Unknown recipients after which a client has to wait for each answer. */
  readonly tarpitAfter: number;
  /** Unknown recipients after which the directory is not asked for the client any more. */
  readonly refuseAfter: number;
  /** So long one unknown recipient counts. */
  readonly forgetMs: number;
  /** First pause; it doubles with each further unknown recipient up to the longest. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
}

/** What a client's next RCPT meets. */
export type GuessVerdict =
  | { readonly kind: 'ask'; readonly pauseMs: number }
  /** Nobody is asked; in so many milliseconds one more guess is free. */
  | { readonly kind: 'refuse'; readonly retryMs: number };

interface Score {
  unknown: number;
  at: number;
}

const MAX_CLIENTS = 50_000;

/**
 * Counts the unknown recipients of each client, over all of its sessions: a dictionary attack first waits, and then costs
 * the directory no more look-ups than are forgotten meanwhile. An IPv6 client is its /64, which is one host's to use.
 */
export class RecipientGuesses {
  /** May be changed; what was counted stays. */
  limits: GuessLimits;
  readonly #now: () => number;
  readonly #scores = new BoundedMap<string, Score>(MAX_CLIENTS);

  /** @param now a clock in ms that never goes back */
  constructor(limits: GuessLimits, now: () => number = () => performance.now()) {
    this.limits = limits;
    this.#now = now;
  }

  judge(client: string): GuessVerdict {
    const { tarpitAfter, refuseAfter, forgetMs, pauseMs, maxPauseMs } = this.limits;
    const score = this.#score(guesserOf(client));
    // One that is half forgiven still counts.
    const unknown = Math.ceil(score);
    if (unknown >= refuseAfter) return { kind: 'refuse', retryMs: Math.ceil((score - refuseAfter + 1) * forgetMs) };
    if (unknown < tarpitAfter) return { kind: 'ask', pauseMs: 0 };
    return {
      kind: 'ask',
      pauseMs: Math.min(maxPauseMs, pauseMs * 2 ** Math.min(30, unknown - tarpitAfter)),
    };
  }

  noteUnknown(client: string): void {
    const key = guesserOf(client);
    this.#scores.set(key, { unknown: this.#score(key) + 1, at: this.#now() });
  }

  #score(key: string): number {
    const known = this.#scores.get(key);
    if (known === undefined) return 0;
    return Math.max(0, known.unknown - (this.#now() - known.at) / this.limits.forgetMs);
  }
}

function guesserOf(client: string): string {
  const plain = plainAddress(client);
  return plain.includes(':') ? networkOf(plain) : plain;
}
