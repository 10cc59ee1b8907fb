import { BoundedMap } from '../bounded-map.ts';

const MAX_USERS = 50_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

interface Bucket {
  left: number;
  at: number;
}

/** How much one user may send: two buckets that fill evenly, one of messages an hour, one of recipients a day. */
export class SendLimits {
  readonly #messages: Buckets;
  readonly #recipients: Buckets;

  constructor(messagesPerHour: number, recipientsPerDay: number) {
    this.#messages = new Buckets(messagesPerHour, HOUR_MS);
    this.#recipients = new Buckets(recipientsPerDay, DAY_MS);
  }

  /** Why the user may not send this now; undefined when it was counted. */
  take(user: string, recipients: number, nowMs = Date.now()): string | undefined {
    if (!this.#messages.has(user, 1, nowMs)) return 'more messages than messagesPerHour';
    if (!this.#recipients.has(user, recipients, nowMs)) return 'more recipients than recipientsPerDay';
    this.#messages.take(user, 1, nowMs);
    this.#recipients.take(user, recipients, nowMs);
    return undefined;
  }
}

class Buckets {
  readonly #size: number;
  readonly #periodMs: number;
  readonly #buckets = new BoundedMap<string, Bucket>(MAX_USERS);

  constructor(size: number, periodMs: number) {
    this.#size = size;
    this.#periodMs = periodMs;
  }

  has(key: string, amount: number, nowMs: number): boolean {
    // More than the whole at once never passes otherwise.
    return this.#left(key, nowMs) >= Math.min(amount, this.#size);
  }

  take(key: string, amount: number, nowMs: number): void {
    this.#buckets.set(key, { left: this.#left(key, nowMs) - amount, at: nowMs });
  }

  #left(key: string, nowMs: number): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return this.#size;
    return Math.min(this.#size, bucket.left + ((nowMs - bucket.at) / this.#periodMs) * this.#size);
  }
}
