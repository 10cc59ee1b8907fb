import type { MemoryNote, MemoryQuestion } from './asked-memory.ts';
import type { RelayMemory } from './relay-memory.ts';

/** Sessions that a worker has: one that dies cannot count them out itself. */
export class ConnectionsOfWorker {
  readonly #byAddress = new Map<string, number>();
  #gone = false;

  /** Whether it can still ask: words of its that come after its end count nothing. */
  get gone(): boolean {
    return this.#gone;
  }

  asked({ what, ...question }: MemoryQuestion): void {
    if (what === 'enter' && 'client' in question) this.#change(question.client, 1);
  }

  told({ what, ...note }: MemoryNote): void {
    if (what === 'leave' && 'client' in note) this.#change(note.client, -1);
  }

  giveBack(memory: RelayMemory): void {
    this.#gone = true;
    for (const [client, count] of this.#byAddress) for (let n = 0; n < count; n++) memory.leaveConnection(client);
    this.#byAddress.clear();
  }

  #change(client: string, by: number): void {
    const count = (this.#byAddress.get(client) ?? 0) + by;
    if (count > 0) this.#byAddress.set(client, count);
    else this.#byAddress.delete(client);
  }
}
