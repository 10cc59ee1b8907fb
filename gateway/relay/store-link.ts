import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import type { MessageData, ProbeOptions, SendOptions } from '@postern/shared/smtp/client.ts';
import type { ClientPool } from '@postern/shared/smtp/client-pool.ts';
import type { Envelope } from '@postern/shared/smtp/envelope.ts';

/**
 * What the last answers say of the store. `away`: nobody answers there; messages go to the spool at once, without
 * waiting for yet another time-out. `ailing`: it answers, but with 4.3.z or 4.4.3 (its database or directory is away); each message is still
 * offered to it. `up`: it gave its word on a recipient.
 */
export type StoreHealth = 'up' | 'ailing' | 'away';

/** What one outcome says of the store's health; undefined when nothing (our own pool was full). */
export function healthOfOutcome(outcome: Outcome): StoreHealth | undefined {
  if (outcome.kind !== 'deferred') return 'up';
  const { code, enhanced } = outcome.reply;
  // RFC 3463 §3.4, §3.5: 4.3.2 (busy; our own pool says it too) and 4.4.5 (congestion) do not tell.
  if (enhanced === '4.3.2' || enhanced === '4.4.5') return undefined;
  if (code === 421 || enhanced === '4.4.1' || enhanced === '4.4.2') return 'away';
  if (/^4\.[34]\./.test(enhanced) || enhanced === '') return 'ailing';
  return enhanced.startsWith('4.2.') ? 'up' : undefined;
}

/** So many tests by the queue have to be missing before a message in hand is the test. */
const TESTS_MISSED = 10;

/** The one way to the store: the pool, and what its answers told of the store's health. */
export class StoreLink {
  #pool: ClientPool;
  #health: StoreHealth = 'up';
  #lastTryAt = 0;
  #onUp: (() => void) | undefined;
  readonly #testMs: number;

  /** @param testMs how often a spooled message tests a store that is away */
  constructor(pool: ClientPool, testMs: number) {
    this.#pool = pool;
    this.#testMs = testMs;
  }

  /**
   * False while the store is away and was tried a moment ago: then the spool takes the message at once. As long as a
   * spooled message tests the store no message in hand has to wait for a host that swallows packets.
   */
  get worthTrying(): boolean {
    return this.#health !== 'away' || performance.now() - this.#lastTryAt >= TESTS_MISSED * this.#testMs;
  }

  get health(): StoreHealth {
    return this.#health;
  }

  /** Called when the store answers again after it was away or ailing. */
  set onUp(listener: () => void) {
    this.#onUp = listener;
  }

  async probe(reversePath: string, recipients: readonly string[], options?: ProbeOptions): Promise<readonly Outcome[]> {
    this.#lastTryAt = performance.now();
    return this.#learn(await this.#pool.probe(reversePath, recipients, options));
  }

  async send(envelope: Envelope, data: MessageData, options?: SendOptions): Promise<readonly Outcome[]> {
    this.#lastTryAt = performance.now();
    return this.#learn(await this.#pool.send(envelope, data, options));
  }

  /** The store did not answer within a deadline of ours. */
  noteLate(): void {
    if (this.#health === 'up') this.#health = 'ailing';
  }

  /** Takes a new pool (a new client certificate); the old one ends what it has in hand. */
  async replacePool(pool: ClientPool): Promise<void> {
    const old = this.#pool;
    this.#pool = pool;
    await old.close();
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #learn(outcomes: readonly Outcome[]): readonly Outcome[] {
    let health: StoreHealth | undefined;
    for (const outcome of outcomes) {
      const one = healthOfOutcome(outcome);
      if (one === undefined) continue;
      health = one;
      if (one === 'up') break;
    }
    if (health !== undefined) {
      const was = this.#health;
      this.#health = health;
      if (health === 'up' && was !== 'up') this.#onUp?.();
    }
    return outcomes;
  }
}
