import type { AddressAnswer } from './directory.ts';

/** What was once found at an address, and how long ago the directory confirmed it. */
export interface KnownAnswer {
  readonly answer: AddressAnswer;
  readonly ageMs: number;
}

/** Addresses that the directory confirmed, for the time that it is away; processes may share one. */
export interface KnownAddresses {
  /** Undefined for an address that is not known, or was confirmed too long ago. */
  recall(key: string): KnownAnswer | undefined | Promise<KnownAnswer | undefined>;
  /** The directory has just said so; a refusal makes the address unknown. */
  remember(key: string, answer: AddressAnswer): void;
}

/** Addresses remembered; the one that was confirmed longest ago goes first. */
const MAX_KNOWN = 50_000;

/** Keeps them in this process. */
export class KnownAddressesHere implements KnownAddresses {
  readonly #known = new Map<string, { readonly answer: AddressAnswer; readonly at: number }>();
  readonly #now: () => number;
  staleMs: number;

  /**
   * @param staleMs so long an answer is good after it was confirmed; 0: never
   * @param now a clock in ms that never goes back
   */
  constructor(staleMs: number, now: () => number = () => performance.now()) {
    this.staleMs = staleMs;
    this.#now = now;
  }

  recall(key: string): KnownAnswer | undefined {
    const before = this.#known.get(key);
    if (before === undefined) return undefined;
    const ageMs = this.#now() - before.at;
    return ageMs > this.staleMs ? undefined : { answer: before.answer, ageMs };
  }

  remember(key: string, answer: AddressAnswer): void {
    if (this.staleMs <= 0 || answer.kind === 'unknown') return;
    this.#known.delete(key);
    if (answer.kind === 'refused') return;
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    this.#known.set(key, { answer, at: this.#now() });
  }
}
