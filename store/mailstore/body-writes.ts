import { hashKey, idsByHash, type NewBody, writeBodyRows } from './body-rows.ts';
import type { Database } from './database.ts';
import { CHUNK_BYTES } from './packed-body.ts';
import type { RowsOfCommit } from './queued-transaction.ts';
import { CommitOutcomeUnknown, inTransaction } from './transaction.ts';

/** Most bodies, and most octets of them, that share a transaction. */
const MAX_BATCH_BODIES = 50;
const MAX_BATCH_OCTETS = 2_097_152;
const MAX_ATTEMPTS = 5;

interface Waiting {
  readonly body: NewBody;
  readonly settle: (id: Buffer) => void;
  readonly fail: (fault: unknown) => void;
}

/**
 * Writes bodies, each in the name of its hash: the same bytes lie there once, and writing them again touches them, so that garbage collection
 * keeps away for the grace period. Bodies that arrive together share a transaction; the next one starts when the one
 * before ends.
 */
export class BodyWrites {
  readonly #database: Database;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The id of the body, when it is durable. */
  write(body: NewBody): Promise<Buffer> {
    return new Promise((settle, fail) => {
      this.#waiting.push({ body, settle, fail });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    // What arrives in this turn of the event loop shares the first transaction.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      // A large body has the wire for itself and nobody waits for it.
      if (batch.length === 1 && (batch[0] as Waiting).body.bytes.length > CHUNK_BYTES) void this.#serve(batch);
      else await this.#serve(batch);
    }
    this.#running = false;
  }

  #take(): Waiting[] {
    const batch: Waiting[] = [];
    let octets = 0;
    for (const waiting of this.#waiting) {
      octets += waiting.body.bytes.length;
      if (batch.length === MAX_BATCH_BODIES || (batch.length > 0 && octets > MAX_BATCH_OCTETS)) break;
      if (waiting.body.bytes.length > CHUNK_BYTES && batch.length > 0) break;
      batch.push(waiting);
      if (waiting.body.bytes.length > CHUNK_BYTES) break;
    }
    this.#waiting = this.#waiting.slice(batch.length);
    return batch;
  }

  /** All together; if that fails, each alone, so that a poisoned one fails alone. */
  async #serve(batch: readonly Waiting[]): Promise<void> {
    try {
      const ids = await this.#writeAll(batch.map((w) => w.body));
      for (const { body, settle } of batch) settle(ids.get(hashKey(body.sha256)) as Buffer);
    } catch (fault) {
      const [only] = batch;
      if (batch.length === 1 && only !== undefined) only.fail(fault);
      else for (const waiting of batch) await this.#serve([waiting]);
    }
  }

  /** Ids by hash. */
  async #writeAll(bodies: readonly NewBody[]): Promise<Map<string, Buffer>> {
    const distinct = new Map(bodies.map((body) => [hashKey(body.sha256), body]));
    for (let attempt = 1; ; attempt++) {
      try {
        const ids = await this.#commit([...distinct.values()]);
        if (ids.size === distinct.size) return ids;
        // Garbage collection was quicker between two statements.
        if (attempt === MAX_ATTEMPTS) throw new Error('a body was made and collected again and again by others');
      } catch (fault) {
        // Written or not: the next run finds out, by the hash.
        if (!(fault instanceof CommitOutcomeUnknown) || attempt === MAX_ATTEMPTS) throw fault;
      }
    }
  }

  async #commit(bodies: readonly NewBody[]): Promise<Map<string, Buffer>> {
    const found = await inTransaction<RowsOfCommit>(this.#database, async (transaction) => {
      const { sql, values } = await writeBodyRows(transaction, bodies);
      return transaction.rowsWithCommit(sql, values);
    });
    return idsByHash(found.rows);
  }
}
