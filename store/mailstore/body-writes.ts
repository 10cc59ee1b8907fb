import { randomBytes } from 'node:crypto';
import type { PartOffsets } from '@postern/shared/message/mime-part.ts';
import { packParts } from '@postern/shared/message/mime-structure.ts';
import { type Database, insertRows, placeholders, type Row, type SqlValue } from './database.ts';
import { insertRowsLater, type RowsOfCommit } from './queued-transaction.ts';
import { CommitOutcomeUnknown, inTransaction } from './transaction.ts';

/** Octets of one row: below every server's default max_allowed_packet, and few rows for common mail. */
export const CHUNK_BYTES = 524_288;
const PARTS_VERSION = 1;
/** Most bodies, and most octets of them, that share a transaction. */
const MAX_BATCH_BODIES = 50;
const MAX_BATCH_OCTETS = 2_097_152;
/** Up to here bodies travel as text with the rest of the transaction: more octets, but one round trip. */
const MAX_INLINE_OCTETS = 32_768;
/** Rows of one INSERT of chunks: few shapes, so that the statements stay prepared. */
const CHUNKS_PER_INSERT = 8;
const MAX_ATTEMPTS = 5;

/** One body, not yet written. */
export interface NewBody {
  readonly bytes: Buffer;
  readonly sha256: Buffer;
  readonly root: PartOffsets;
}

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
      for (const { body, settle } of batch) settle(ids.get(key(body.sha256)) as Buffer);
    } catch (fault) {
      const [only] = batch;
      if (batch.length === 1 && only !== undefined) only.fail(fault);
      else for (const waiting of batch) await this.#serve([waiting]);
    }
  }

  /** Ids by hash. */
  async #writeAll(bodies: readonly NewBody[]): Promise<Map<string, Buffer>> {
    const distinct = new Map(bodies.map((body) => [key(body.sha256), body]));
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
    const octets = bodies.reduce((sum, body) => sum + body.bytes.length, 0);
    const now = Date.now();
    const mine = new Map(bodies.map((body) => [key(body.sha256), newContentId(now)]));
    // In order of the hash: two processes that write the same bodies do not wait for each other crosswise.
    const sorted = [...bodies].sort((a, b) => a.sha256.compare(b.sha256));
    const rows = sorted.map((body): SqlValue[] => [
      mine.get(key(body.sha256)) as Buffer,
      body.sha256,
      body.bytes.length,
      body.root.bodyStart,
      PARTS_VERSION,
      packParts(body.root),
      now,
    ]);
    const hashes = sorted.map((body) => body.sha256);
    const select = `SELECT sha256, id FROM content WHERE sha256 IN (${placeholders(hashes.length)})`;
    const found = await inTransaction<RowsOfCommit>(this.#database, async (transaction) => {
      const touching = 'ON DUPLICATE KEY UPDATE touched_at = GREATEST(touched_at, VALUES(touched_at))';
      await insertRowsLater(transaction, `INSERT INTO content ${CONTENT_COLUMNS}`, rows, touching);
      if (octets <= MAX_INLINE_OCTETS) {
        for (const body of sorted) {
          const id = mine.get(key(body.sha256)) as Buffer;
          // Only where the row is ours: with another id the same bytes are there already.
          await transaction.later(
            'INSERT INTO content_chunk (content_id, n, data) SELECT id, 0, ? FROM content WHERE id = ?',
            [body.bytes, id],
          );
        }
        return transaction.rowsWithCommit(select, hashes);
      }
      const there = await transaction.rows(select, hashes);
      const own = idsByHash(there);
      const chunks = sorted.flatMap((body) => {
        const id = mine.get(key(body.sha256)) as Buffer;
        return own.get(key(body.sha256))?.equals(id) === true ? chunksOf(id, body.bytes) : [];
      });
      for (let from = 0; from < chunks.length; from += CHUNKS_PER_INSERT) {
        const some = chunks.slice(from, from + CHUNKS_PER_INSERT);
        await insertRows(transaction, 'INSERT INTO content_chunk (content_id, n, data)', some);
      }
      return { rows: there };
    });
    return idsByHash(found.rows);
  }
}

const CONTENT_COLUMNS = '(id, sha256, size, header_bytes, parts_version, parts, touched_at)';

function chunksOf(id: Buffer, bytes: Buffer): SqlValue[][] {
  const chunks: SqlValue[][] = [];
  for (let n = 0; n === 0 || n * CHUNK_BYTES < bytes.length; n++) {
    chunks.push([id, n, bytes.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES)]);
  }
  return chunks;
}

function idsByHash(rows: readonly Row[]): Map<string, Buffer> {
  return new Map((rows as [Buffer, Buffer][]).map(([sha256, id]) => [key(sha256), id]));
}

function key(sha256: Buffer): string {
  return sha256.toString('latin1');
}

/** UUIDv7 (RFC 9562 §5.7): in order of time, so that bodies of the same days lie together. */
export function newContentId(nowMs: number): Buffer {
  const id = randomBytes(16);
  id.writeUIntBE(nowMs, 0, 6);
  id[6] = ((id[6] as number) & 0x0f) | 0x70;
  id[8] = ((id[8] as number) & 0x3f) | 0x80;
  return id;
}
