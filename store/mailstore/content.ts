import { createHash } from 'node:crypto';
import { scanMessage, unpackParts } from '@postern/shared/message/mime-structure.ts';
import { CHUNK_BYTES } from './body-rows.ts';
import { BodyWrites } from './body-writes.ts';
import type { Database } from './database.ts';
import type { ArrivedContent, Contents, StoredContent, StoredStructure, UnwrittenContent } from './mailstore.ts';
import { prepareTexts } from './prepared-texts.ts';
import { storablePreview } from './preview.ts';

/** Bodies up to this size are written in the transaction of their delivery; fifty of them make a batch. */
const MAX_TRAVELLING_OCTETS = 131_072;

function look(message: Buffer): UnwrittenContent {
  const sha256 = createHash('sha256').update(message).digest();
  const scan = scanMessage(message);
  const body = { bytes: message, sha256, root: scan.root };
  return { sha256, sizeBytes: message.length, prepared: prepareTexts(scan), body };
}

/** The bodies: original bytes, whole, each once. */
export class SqlContents implements Contents {
  readonly #database: Database;
  readonly #cache: BodyCache;
  readonly #writes: BodyWrites;

  constructor(database: Database, cacheBytes: number) {
    this.#database = database;
    this.#cache = new BodyCache(cacheBytes);
    this.#writes = new BodyWrites(database);
  }

  put(message: Buffer): Promise<StoredContent> {
    return this.keep(look(message));
  }

  arrived(message: Buffer): ArrivedContent | Promise<StoredContent> {
    const content = look(message);
    return message.length <= MAX_TRAVELLING_OCTETS ? content : this.keep(content);
  }

  /** Makes a body durable in a transaction of its own, unless it is. */
  async keep(content: ArrivedContent): Promise<StoredContent> {
    if (!('body' in content)) return content;
    const { sha256, sizeBytes, prepared, body } = content;
    return { id: await this.#writes.write(body), sha256, sizeBytes, prepared };
  }

  async structure(contentId: Buffer): Promise<StoredStructure | undefined> {
    const [row] = await this.#database.rows('SELECT size, header_bytes, parts FROM content WHERE id = ?', [contentId]);
    if (row === undefined) return undefined;
    return { sizeBytes: row[0] as number, headerBytes: row[1] as number, root: unpackParts(row[2] as Buffer) };
  }

  /** The preview of a body that was stored without one; kept from now on. */
  async makePreview(contentId: Buffer): Promise<string> {
    const preview = storablePreview(scanMessage(await this.read(contentId)));
    await this.#database.change('UPDATE content SET preview = ? WHERE id = ?', [preview, contentId]);
    return preview;
  }

  /** Octets `start` to `end` of a body. Rejects when the body is not there: a referenced one always is. */
  async read(contentId: Buffer, start = 0, end = Number.MAX_SAFE_INTEGER): Promise<Buffer> {
    const key = contentId.toString('latin1');
    const whole = this.#cache.get(key);
    if (whole !== undefined) return whole.subarray(start, end);
    if (end <= start) return Buffer.alloc(0);
    const first = Math.floor(start / CHUNK_BYTES);
    const last = Math.min(Math.floor((end - 1) / CHUNK_BYTES), 2 ** 31);
    const rows = await this.#database.rows(
      'SELECT data FROM content_chunk WHERE content_id = ? AND n BETWEEN ? AND ? ORDER BY n',
      [contentId, first, last],
    );
    if (rows.length === 0 && first === 0) throw new Error('the body of a message is missing');
    const [only] = rows;
    const bytes = rows.length === 1 && only ? (only[0] as Buffer) : Buffer.concat(rows.map((row) => row[0] as Buffer));
    if (first === 0 && bytes.length < CHUNK_BYTES) this.#cache.put(key, bytes);
    return bytes.subarray(start - first * CHUNK_BYTES, end - first * CHUNK_BYTES);
  }

  /** Many bodies of one page at once, by latin1 of their id; large ones are left out and read alone. */
  async readMany(
    contents: readonly { readonly id: Buffer; readonly sizeBytes: number }[],
  ): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>();
    const missing: Buffer[] = [];
    for (const { id, sizeBytes } of contents) {
      const key = id.toString('latin1');
      const cached = this.#cache.get(key);
      if (cached !== undefined) found.set(key, cached);
      else if (sizeBytes <= CHUNK_BYTES) missing.push(id);
    }
    if (missing.length > 0) {
      const rows = await this.#database.rowsOnce(
        `SELECT content_id, data FROM content_chunk WHERE n = 0 AND content_id IN (${missing.map(() => '?').join(',')})`,
        missing,
      );
      for (const [id, data] of rows as [Buffer, Buffer][]) {
        const key = id.toString('latin1');
        found.set(key, data);
        this.#cache.put(key, data);
      }
    }
    return found;
  }
}

/** The bodies read last, within a budget of memory. */
class BodyCache {
  readonly #limit: number;
  readonly #bodies = new Map<string, Buffer>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): Buffer | undefined {
    const body = this.#bodies.get(key);
    if (body === undefined) return undefined;
    this.#bodies.delete(key);
    this.#bodies.set(key, body);
    return body;
  }

  put(key: string, body: Buffer): void {
    if (body.length > this.#limit / 8 || this.#bodies.has(key)) return;
    // A view into the driver's packet would keep the whole packet alive.
    this.#bodies.set(key, Buffer.from(body));
    this.#bytes += body.length;
    for (const [oldest, { length }] of this.#bodies) {
      if (this.#bytes <= this.#limit) return;
      this.#bodies.delete(oldest);
      this.#bytes -= length;
    }
  }
}
