import { hash } from 'node:crypto';
import { scanMessage, unpackParts } from '@postern/shared/message/mime-structure.ts';
import { accountOfAllMail } from './all-mail-id.ts';
import { BodyWrites } from './body-writes.ts';
import type { Database } from './database.ts';
import type { ArrivedContent, Contents, StoredContent, StoredStructure, UnwrittenContent } from './mailstore.ts';
import { CHUNK_BYTES, pack, packOne, SMALL_BODY_BYTES, unpacked } from './packed-body.ts';
import { prepareTexts } from './prepared-texts.ts';
import { storablePreview } from './preview.ts';

/** Bodies up to this size are written in the transaction of their delivery; fifty of them make a batch. */
const MAX_TRAVELLING_OCTETS = 131_072;

/** One column: each costs the server and the driver something, and this is what clients wait for most often. None of these bodies is compressed. */
const SMALL_BODY = `SELECT k.data FROM message m JOIN content_chunk k ON k.content_id = m.content_id AND k.n = 0
  WHERE m.mailbox_id = ? AND m.uid = ? AND m.size <= ${SMALL_BODY_BYTES}`;

function look(message: Buffer): UnwrittenContent {
  const sha256 = hash('sha256', message, 'buffer');
  const scan = scanMessage(message);
  const body = { bytes: message, sha256, root: scan.root };
  return { sha256, sizeBytes: message.length, prepared: prepareTexts(scan), body };
}

export interface ContentOptions {
  readonly cacheBytes: number;
  /** Whether bodies above {@link SMALL_BODY_BYTES} are compressed where that pays. */
  readonly compress: boolean;
}

/** The bodies: original bytes, whole, each once. */
export class SqlContents implements Contents {
  readonly #database: Database;
  readonly #cache: BodyCache;
  readonly #writes: BodyWrites;
  /** Bodies above it are compressed. */
  readonly #compressOverBytes: number;

  constructor(database: Database, { cacheBytes, compress }: ContentOptions) {
    this.#database = database;
    this.#cache = new BodyCache(cacheBytes);
    this.#writes = new BodyWrites(database);
    this.#compressOverBytes = compress ? SMALL_BODY_BYTES : Number.POSITIVE_INFINITY;
  }

  put(message: Buffer): Promise<StoredContent> {
    return this.keep(look(message));
  }

  travels(message: Buffer): boolean {
    return message.length <= MAX_TRAVELLING_OCTETS;
  }

  arrived(message: Buffer): ArrivedContent | Promise<StoredContent> {
    const content = look(message);
    if (!this.travels(message)) return this.keep(content);
    if (message.length <= this.#compressOverBytes) return content;
    return { ...content, body: { ...content.body, packed: packOne(message) } };
  }

  /** Makes a body durable in a transaction of its own, unless it is. */
  async keep(content: ArrivedContent): Promise<StoredContent> {
    if (!('body' in content)) return content;
    const { sha256, sizeBytes, prepared, body } = content;
    const packed = body.packed ?? (sizeBytes > this.#compressOverBytes ? await pack(body.bytes) : undefined);
    return { id: await this.#writes.write({ ...body, packed }), sha256, sizeBytes, prepared };
  }

  async structure(contentId: Buffer): Promise<StoredStructure | undefined> {
    const [row] = await this.#database.rows('SELECT size, header_bytes, parts FROM content WHERE id = ?', [contentId]);
    if (row === undefined) return undefined;
    return { sizeBytes: row[0] as number, headerBytes: row[1] as number, root: unpackParts(row[2] as Buffer) };
  }

  async smallBody(mailboxId: number, uid: number): Promise<Buffer | undefined> {
    if (accountOfAllMail(mailboxId) !== undefined) return undefined;
    const [row] = await this.#database.rows(SMALL_BODY, [mailboxId, uid]);
    return row?.[0] as Buffer | undefined;
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
      `SELECT c.encoding, k.data FROM content c JOIN content_chunk k ON k.content_id = c.id
       WHERE c.id = ? AND k.n BETWEEN ? AND ? ORDER BY k.n`,
      [contentId, first, last],
    );
    if (rows.length === 0 && first === 0) throw new Error('the body of a message is missing');
    const chunks = await Promise.all((rows as [number, Buffer][]).map(([encoding, data]) => unpacked(encoding, data)));
    const [only] = chunks;
    const bytes = chunks.length === 1 && only ? only : Buffer.concat(chunks);
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
        `SELECT c.id, c.encoding, k.data FROM content c JOIN content_chunk k ON k.content_id = c.id AND k.n = 0
         WHERE c.id IN (${missing.map(() => '?').join(',')})`,
        missing,
      );
      for (const [id, encoding, data] of rows as [Buffer, number, Buffer][]) {
        const key = id.toString('latin1');
        const body = await unpacked(encoding, data);
        found.set(key, body);
        this.#cache.put(key, body);
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
