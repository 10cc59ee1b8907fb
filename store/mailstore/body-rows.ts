import { randomUUID } from 'node:crypto';
import type { PartOffsets } from '@postern/shared/message/mime-part.ts';
import { packParts } from '@postern/shared/message/mime-structure.ts';
import { insertRows, placeholders, type Row, type SqlValue } from './database.ts';
import { type PackedBody, plainBody } from './packed-body.ts';
import { insertRowsLater, type SqlQuery, type Transaction } from './queued-transaction.ts';

/** Of the column `parts`. */
export const PARTS_VERSION = 1;
/** Up to here bodies travel as text with the rest of the transaction: more octets, but one round trip. */
const MAX_INLINE_OCTETS = 65_536;
/** Rows of one INSERT of chunks: few shapes, so that the statements stay prepared. */
const CHUNKS_PER_INSERT = 8;
const CONTENT_COLUMNS = '(id, sha256, size, encoding, header_bytes, parts_version, parts, touched_at)';

/** One body, not yet written. */
export interface NewBody {
  readonly bytes: Buffer;
  readonly sha256: Buffer;
  readonly root: PartOffsets;
  /** Its chunks; as it came when undefined. */
  readonly packed?: PackedBody | undefined;
}

/**
 * Writes the rows of distinct bodies within a transaction; what lies there already under the same hash is touched. Small ones are queued and travel with
 * the next statement.
 *
 * Their rows are locked from then on: who writes bodies locks no other row by waiting for it afterwards.
 *
 * @returns the query for their ids, to be run in the same transaction: see {@link idsByHash}
 */
export async function writeBodyRows(transaction: Transaction, bodies: readonly NewBody[]): Promise<SqlQuery> {
  const octets = bodies.reduce((sum, body) => sum + body.bytes.length, 0);
  const now = Date.now();
  const mine = new Map(bodies.map((body) => [hashKey(body.sha256), newContentId(now)]));
  const idOf = (body: NewBody): Buffer => mine.get(hashKey(body.sha256)) as Buffer;
  // In order of the hash: two processes that write the same bodies do not wait for each other crosswise.
  const sorted = [...bodies]
    .sort((a, b) => a.sha256.compare(b.sha256))
    .map((body) => ({ ...body, packed: body.packed ?? plainBody(body.bytes) }));
  const rows = sorted.map((body): SqlValue[] => [
    idOf(body),
    body.sha256,
    body.bytes.length,
    body.packed.encoding,
    body.root.bodyStart,
    PARTS_VERSION,
    packParts(body.root),
    now,
  ]);
  const hashes = sorted.map((body) => body.sha256);
  const ids = {
    sql: `SELECT sha256, id FROM content WHERE sha256 IN (${placeholders(hashes.length)})`,
    values: hashes,
  };
  const touching = 'ON DUPLICATE KEY UPDATE touched_at = GREATEST(touched_at, VALUES(touched_at))';
  await insertRowsLater(transaction, `INSERT INTO content ${CONTENT_COLUMNS}`, rows, touching);
  if (octets <= MAX_INLINE_OCTETS) {
    for (const body of sorted) {
      // Only where the row is ours: with another id the same bytes are there already.
      await transaction.later(
        'INSERT INTO content_chunk (content_id, n, data) SELECT id, 0, ? FROM content WHERE id = ?',
        [body.packed.chunks[0] as Buffer, idOf(body)],
      );
    }
    return ids;
  }
  const there = idsByHash(await transaction.rows(ids.sql, ids.values));
  const chunks = sorted.flatMap((body) => {
    const id = idOf(body);
    if (there.get(hashKey(body.sha256))?.equals(id) !== true) return [];
    return body.packed.chunks.map((chunk, n): SqlValue[] => [id, n, chunk]);
  });
  for (let from = 0; from < chunks.length; from += CHUNKS_PER_INSERT) {
    const some = chunks.slice(from, from + CHUNKS_PER_INSERT);
    await insertRows(transaction, 'INSERT INTO content_chunk (content_id, n, data)', some);
  }
  return ids;
}

/** Ids by {@link hashKey}, from rows of hash and id. */
export function idsByHash(rows: readonly Row[]): Map<string, Buffer> {
  return new Map((rows as [Buffer, Buffer][]).map(([sha256, id]) => [hashKey(sha256), id]));
}

export function hashKey(sha256: Buffer): string {
  return sha256.toString('latin1');
}

/** UUIDv7 (RFC 9562 §5.7): in order of time, so that bodies of the same days lie together. */
export function newContentId(nowMs: number): Buffer {
  // Node keeps random octets ready for it, and for nothing else.
  const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  id.writeUIntBE(nowMs, 0, 6);
  id[6] = ((id[6] as number) & 0x0f) | 0x70;
  id[8] = ((id[8] as number) & 0x3f) | 0x80;
  return id;
}
