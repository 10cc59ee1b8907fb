import type { LiteralBudget } from '../connection/literal-budget.ts';
import type { Frame } from './codec/command.ts';
import type { Connection } from './connection.ts';

/** What the literals of the command under way take of the memory that all sessions share. */
export class HeldLiterals {
  readonly #budget: LiteralBudget;
  #bytes = 0;

  constructor(budget: LiteralBudget) {
    this.#budget = budget;
  }

  /** Waits for room, and lets a client go on that waits for it (RFC 9051 §4.3). */
  async admit(connection: Connection, { bytes, synchronizing }: Frame & { readonly kind: 'literal' }): Promise<void> {
    this.#bytes += await this.#budget.take(bytes, this.#bytes);
    if (!synchronizing) return;
    connection.out.line('+ Ready for literal data');
    await connection.flow(true);
  }

  release(): void {
    if (this.#bytes > 0) this.#budget.giveBack(this.#bytes);
    this.#bytes = 0;
  }
}
