import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const ID_BYTES = 16;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** `U`, the file's name, and the key, each in base64url. */
const BLOB_ID = /^U([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{43})$/;
/** Each upload has a key of its own, so that one nonce is never used twice with it. */
const NONCE = Buffer.alloc(12);

export interface UploadLimits {
  readonly path: string;
  readonly maxBytes: number;
  readonly totalBytes: number;
  readonly perAccountBytes: number;
  readonly lifetimeMs: number;
}

export type UploadOutcome =
  | { readonly kind: 'stored'; readonly blobId: string; readonly size: number }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'full' };

/** An upload that can be read. */
export interface Upload {
  readonly size: number;
  /** Throws at the end when the file is not what was uploaded. */
  chunks(): AsyncIterable<Buffer>;
}

/**
 * What was uploaded and is in no message yet. It lies as ciphertext in a folder of this host for an hour at most; the key is part of the
 * blob id, which the client holds and this host does not keep. Any worker can read it, and a restart loses none.
 */
export class Uploads {
  readonly #limits: UploadLimits;
  readonly #accounts = new Map<string, { accountId: string; bytes: number }>();
  readonly #timer: NodeJS.Timeout;
  #total = 0;

  constructor(limits: UploadLimits) {
    this.#limits = limits;
    mkdirSync(limits.path, { recursive: true, mode: 0o700 });
    this.#tidy();
    this.#timer = setInterval(() => this.#tidy(), Math.min(60_000, limits.lifetimeMs));
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  get bytes(): number {
    return this.#total;
  }

  /** Takes what comes, up to the limits, and holds none of it in memory. */
  async store(accountId: string, body: Readable): Promise<UploadOutcome> {
    const name = randomBytes(ID_BYTES).toString('base64url');
    const key = randomBytes(KEY_BYTES);
    const path = join(this.#limits.path, name);
    const cipher = createCipheriv('aes-256-gcm', key, NONCE);
    cipher.setAAD(Buffer.from(accountId));
    const { maxBytes, totalBytes, perAccountBytes } = this.#limits;
    const entry = { accountId, bytes: 0 };
    this.#accounts.set(name, entry);
    let verdict: 'too-large' | 'full' | undefined;
    const account = (): number =>
      [...this.#accounts.values()].reduce((sum, each) => (each.accountId === accountId ? sum + each.bytes : sum), 0);
    const counted = async function* (this: Uploads): AsyncGenerator<Buffer> {
      // The rest of what is too long is not read, and the answer still goes out on the same connection.
      for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        entry.bytes += chunk.length;
        this.#total += chunk.length;
        if (entry.bytes > maxBytes) verdict = 'too-large';
        else if (this.#total > totalBytes || account() > perAccountBytes) verdict = 'full';
        if (verdict !== undefined) return;
        yield cipher.update(chunk);
      }
      cipher.final();
      yield cipher.getAuthTag();
    };
    try {
      await pipeline(counted.call(this), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    } catch (error) {
      this.#remove(name);
      throw error;
    }
    if (verdict === undefined) {
      return { kind: 'stored', blobId: `U${name}${key.toString('base64url')}`, size: entry.bytes };
    }
    this.#remove(name);
    return { kind: verdict };
  }

  /** Undefined when there is none, or none of this account. */
  async find(accountId: string, blobId: string): Promise<Upload | undefined> {
    const match = BLOB_ID.exec(blobId);
    if (match === null) return undefined;
    const path = join(this.#limits.path, match[1] ?? '');
    const key = Buffer.from(match[2] ?? '', 'base64url');
    let size: number;
    let tag: Buffer;
    try {
      size = (await stat(path)).size - TAG_BYTES;
      tag = await tagAt(path, size);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    if (size < 0) return undefined;
    const upload: Upload = { size, chunks: () => decrypted(path, size, key, tag, accountId) };
    return (await isWhole(upload)) ? upload : undefined;
  }

  #remove(name: string): void {
    this.#total -= this.#accounts.get(name)?.bytes ?? 0;
    this.#accounts.delete(name);
    void rm(join(this.#limits.path, name), { force: true }).catch(() => undefined);
  }

  #tidy(): void {
    const nowMs = Date.now();
    for (const name of readdirSync(this.#limits.path)) {
      const { mtimeMs } = statSync(join(this.#limits.path, name), { throwIfNoEntry: false }) ?? { mtimeMs: nowMs };
      if (nowMs - mtimeMs <= this.#limits.lifetimeMs) continue;
      rmSync(join(this.#limits.path, name), { force: true });
      this.#remove(name);
    }
  }
}

async function tagAt(path: string, at: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const tag = Buffer.alloc(TAG_BYTES);
    await file.read(tag, 0, TAG_BYTES, Math.max(0, at));
    return tag;
  } finally {
    await file.close();
  }
}

async function* decrypted(
  path: string,
  size: number,
  key: Buffer,
  tag: Buffer,
  accountId: string,
): AsyncGenerator<Buffer> {
  const cipher = createDecipheriv('aes-256-gcm', key, NONCE);
  cipher.setAAD(Buffer.from(accountId));
  cipher.setAuthTag(tag);
  if (size > 0) {
    for await (const chunk of createReadStream(path, { end: size - 1, highWaterMark: 262_144 })) {
      yield cipher.update(chunk as Buffer);
    }
  }
  cipher.final();
}

/** Another account's upload, another key, a damaged file: all show in the tag, before any of it is used. */
async function isWhole(upload: Upload): Promise<boolean> {
  try {
    for await (const _ of upload.chunks());
    return true;
  } catch {
    return false;
  }
}
