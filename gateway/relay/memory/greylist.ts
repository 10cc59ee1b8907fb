import { createHash } from 'node:crypto';
import { BoundedMap } from '../bounded-map.ts';

export interface GreylistTimes {
  /** A first try is answered 450 until so much time has passed. */
  readonly delayMs: number;
  /** A second try later than this is a first one again. */
  readonly retryWindowMs: number;
  /** A client that came back is known for so long after its last message. */
  readonly rememberMs: number;
}

/** First seen, for a triplet that waits; last seen, for a network that passed. Seconds since 1970. */
type Seconds = number;

/**
 * Who has tried, and who has passed (RFC 6647 §2.4: address, sender and recipient). Keys are hashed: the state holds no
 * addresses in clear text, and each entry has the same size.
 */
export class Greylist {
  /** May be changed. */
  times: GreylistTimes;
  readonly #waiting: BoundedMap<string, Seconds>;
  readonly #passed: BoundedMap<string, Seconds>;
  /** Changed since it was last encoded. */
  dirty = false;

  constructor(times: GreylistTimes, maxEntries: number) {
    this.times = times;
    this.#waiting = new BoundedMap(maxEntries);
    this.#passed = new BoundedMap(maxEntries);
  }

  get size(): number {
    return this.#waiting.size + this.#passed.size;
  }

  /** Milliseconds to wait; 0 when this try passes. */
  try(network: string, sender: string, recipient: string, nowMs: number): number {
    const { delayMs, retryWindowMs, rememberMs } = this.times;
    const now = Math.floor(nowMs / 1000);
    const client = hash(network);
    const lastSeen = this.#passed.get(client);
    if (lastSeen !== undefined && (now - lastSeen) * 1000 <= rememberMs) {
      if (lastSeen !== now) {
        this.dirty = true;
        this.#passed.set(client, now);
      }
      return 0;
    }
    const triplet = hash(`${network} ${sender.toLowerCase()} ${recipient.toLowerCase()}`);
    const first = this.#waiting.get(triplet);
    this.dirty = true;
    if (first === undefined || (now - first) * 1000 > retryWindowMs) {
      this.#waiting.set(triplet, now);
      return delayMs;
    }
    const waitedMs = (now - first) * 1000;
    if (waitedMs < delayMs) return delayMs - waitedMs;
    this.#waiting.delete(triplet);
    this.#passed.set(client, now);
    return 0;
  }

  /** The state as text, a line an entry; what has run out is left out. */
  encode(nowMs: number): string {
    const now = Math.floor(nowMs / 1000);
    const lines = ['POSTERN-GREYLIST 1'];
    for (const [key, at] of this.#waiting.entries()) {
      if ((now - at) * 1000 <= this.times.retryWindowMs) lines.push(`w ${key} ${at}`);
    }
    for (const [key, at] of this.#passed.entries()) {
      if ((now - at) * 1000 <= this.times.rememberMs) lines.push(`p ${key} ${at}`);
    }
    this.dirty = false;
    return `${lines.join('\n')}\n`;
  }

  /** Takes up an encoded state; a line that does not fit is stepped over: at worst somebody waits once more. */
  load(text: string): void {
    for (const line of text.split('\n')) {
      const match = /^([wp]) ([A-Za-z0-9_-]{22}) (\d{1,12})$/.exec(line);
      if (match === null) continue;
      const [, kind, key = '', at] = match;
      const map = kind === 'w' ? this.#waiting : this.#passed;
      // Of a triplet the first try counts, of a network the last.
      const known = map.get(key);
      if (known === undefined) map.set(key, Number(at));
      else map.set(key, kind === 'w' ? Math.min(known, Number(at)) : Math.max(known, Number(at)));
    }
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
}
