import { BoundedMap } from '../bounded-map.ts';
import { networkOf, plainAddress } from '../dns/client-address.ts';
import type { SubmissionSettings } from './settings.ts';

const MAX_ENTRIES = 20_000;
/** A place where a user signed in is a known one for so long. */
const KNOWN_MS = 30 * 86_400_000;

interface Failures {
  count: number;
  since: number;
}

/**
 * Keeps guessers from the directory. After some wrong passwords for a user no more are tried there from places where this user
 * never signed in, so that strangers can neither go on guessing nor make the directory lock the account; the user goes on
 * from where he was before. After many from one network nothing is tried from there. Bounded memory.
 */
export class LockOut {
  readonly #settings: SubmissionSettings['lockOut'];
  readonly #byUser = new BoundedMap<string, Failures>(MAX_ENTRIES);
  readonly #byNetwork = new BoundedMap<string, Failures>(MAX_ENTRIES);
  readonly #known = new BoundedMap<string, number>(MAX_ENTRIES);

  constructor(settings: SubmissionSettings['lockOut']) {
    this.#settings = settings;
  }

  /** Why a password is not tried; undefined when it may be. */
  refuses(client: string, user: string, nowMs = Date.now()): string | undefined {
    const network = networkOf(plainAddress(client));
    const { userFailures, clientFailures } = this.#settings;
    if (this.#count(this.#byNetwork, network, nowMs) >= clientFailures) return `too many failures from ${network}`;
    const isKnown = nowMs - (this.#known.get(keyOf(network, user)) ?? Number.NEGATIVE_INFINITY) < KNOWN_MS;
    if (isKnown || this.#count(this.#byUser, user.toLowerCase(), nowMs) < userFailures) return undefined;
    return 'too many failures for this user, from a place where it never signed in';
  }

  failed(client: string, user: string, nowMs = Date.now()): void {
    this.#add(this.#byNetwork, networkOf(plainAddress(client)), nowMs);
    this.#add(this.#byUser, user.toLowerCase(), nowMs);
  }

  succeeded(client: string, user: string, nowMs = Date.now()): void {
    this.#known.set(keyOf(networkOf(plainAddress(client)), user), nowMs);
  }

  #add(map: BoundedMap<string, Failures>, key: string, nowMs: number): void {
    const count = this.#count(map, key, nowMs);
    map.set(key, { count: count + 1, since: count === 0 ? nowMs : (map.get(key)?.since ?? nowMs) });
  }

  #count(map: BoundedMap<string, Failures>, key: string, nowMs: number): number {
    const entry = map.get(key);
    return entry === undefined || nowMs - entry.since > this.#settings.forgetMs ? 0 : entry.count;
  }
}

function keyOf(network: string, user: string): string {
  return `${network} ${user.toLowerCase()}`;
}
