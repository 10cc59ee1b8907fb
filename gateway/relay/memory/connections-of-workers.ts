import type { MemoryNote, MemoryQuestion } from './asked-memory.ts';
import type { RelayMemory } from './relay-memory.ts';

/** Sessions that each worker has: one that dies cannot count them out itself. */
export class ConnectionsOfWorkers {
  readonly #byWorker = new Map<number, Map<string, number>>();

  asked(worker: number, question: MemoryQuestion): void {
    if (question.what === 'enter') this.#change(worker, question.client, 1);
  }

  told(worker: number, note: MemoryNote): void {
    if (note.what === 'leave') this.#change(worker, note.client, -1);
  }

  /** The worker has died. */
  giveBack(worker: number, memory: RelayMemory): void {
    for (const [client, count] of this.#byWorker.get(worker) ?? []) {
      for (let n = 0; n < count; n++) memory.leaveConnection(client);
    }
    this.#byWorker.delete(worker);
  }

  #change(worker: number, client: string, by: number): void {
    const counts = this.#byWorker.get(worker) ?? new Map<string, number>();
    this.#byWorker.set(worker, counts);
    const count = (counts.get(client) ?? 0) + by;
    if (count > 0) counts.set(client, count);
    else counts.delete(client);
  }
}
