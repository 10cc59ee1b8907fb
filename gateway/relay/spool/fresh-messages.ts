import { MemoryBudget } from '@postern/shared/runtime/memory-budget.ts';
import type { SpooledMessage } from './spool.ts';

/** How long a message in memory counts as what lies in the spool: an administrator may take it away there. */
const FRESH_MS = 2_000;

interface Fresh {
  readonly message: SpooledMessage;
  readonly untilMs: number;
  /** Keys of destinations that have not begun with it: what one has sent may not be taken for unsent. */
  readonly left: Set<string>;
}

/**
 * Messages that have just been made durable, for their first tries: what is in memory need not be read again. Bounded in octets and in
 * time; what is not here is in the spool.
 */
export class FreshMessages {
  readonly #messages = new Map<string, Fresh>();
  readonly #budget: MemoryBudget;

  constructor(limitBytes: number) {
    this.#budget = new MemoryBudget(limitBytes);
  }

  keep(message: SpooledMessage, destinations: readonly string[]): void {
    if (destinations.length === 0 || !this.#budget.reserve(message.content.length)) return;
    const untilMs = performance.now() + FRESH_MS;
    this.#messages.set(message.envelope.deliveryId, { message, untilMs, left: new Set(destinations) });
  }

  /** For the first try of one destination; undefined: it has to be read. */
  take(id: string, destination: string): SpooledMessage | undefined {
    this.forgetOld();
    const fresh = this.#messages.get(id);
    if (fresh?.left.delete(destination) !== true) return undefined;
    if (fresh.left.size === 0) this.#forget(id, fresh);
    return fresh.message;
  }

  /** The oldest come first. */
  forgetOld(): void {
    const now = performance.now();
    for (const [id, fresh] of this.#messages) {
      if (fresh.untilMs >= now) return;
      this.#forget(id, fresh);
    }
  }

  #forget(id: string, { message }: Fresh): void {
    this.#messages.delete(id);
    this.#budget.release(message.content.length);
  }
}
