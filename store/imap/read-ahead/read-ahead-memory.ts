import { IDLE_MS } from './reading-order.ts';

/** Who holds messages that were read ahead. */
export interface Holder {
  /** When its client asked last, of `performance.now()`. */
  readonly lastAskedMs: number;
  /** Gives back all that it holds. */
  drop(): void;
}

/** Memory that the sessions of a process share for what they read ahead. Where there is none nothing is read; nobody waits. */
export class ReadAheadMemory {
  readonly #maxBytes: number;
  #usedBytes = 0;
  readonly #held = new Map<Holder, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What is taken now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes so much for a holder, unless that is more than is left. */
  take(holder: Holder, bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#maxBytes) return false;
    this.#usedBytes += bytes;
    this.#held.set(holder, (this.#held.get(holder) ?? 0) + bytes);
    this.#timer ??= setInterval(() => this.#dropIdle(), IDLE_MS).unref();
    return true;
  }

  giveBack(holder: Holder, bytes: number): void {
    this.#usedBytes -= bytes;
    const left = (this.#held.get(holder) ?? 0) - bytes;
    if (left > 0) {
      this.#held.set(holder, left);
      return;
    }
    this.#held.delete(holder);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Of clients that have gone on to something else. */
  #dropIdle(): void {
    const nowMs = performance.now();
    for (const holder of [...this.#held.keys()]) if (nowMs - holder.lastAskedMs > IDLE_MS) holder.drop();
  }
}
