import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib';

/** About 40 KB a session in place of 256: mail is text, and a smaller window loses little of it. */
const DEFLATE_OPTIONS = { level: 5, windowBits: 13, memLevel: 5 } as const;

/** Where the two layers are plugged in. */
export interface CompressedWire {
  /** Decompressed octets from the peer. */
  received(chunk: Buffer): void;
  /** Compressed octets for the peer; false when the socket is full. */
  send(chunk: Buffer): boolean;
  /** The peer's octets are no deflate stream. */
  broken(): void;
}

/**
 * RFC 4978: one deflate stream each way. Output is compressed piece by piece, each awaited, so that a slow reader stops
 * the writer; input stops being decompressed while the session has enough, so that a small packet that expands to
 * gigabytes costs no memory.
 */
export class Compression {
  readonly #inflate: InflateRaw;
  readonly #deflate: DeflateRaw;

  constructor(wire: CompressedWire) {
    // A client may use the whole window of 32 KB.
    this.#inflate = createInflateRaw({ windowBits: 15, chunkSize: 16_384 });
    this.#inflate.on('data', (chunk: Buffer) => wire.received(chunk));
    this.#inflate.on('error', () => wire.broken());
    this.#deflate = createDeflateRaw(DEFLATE_OPTIONS);
    this.#deflate.on('data', (chunk: Buffer) => {
      if (!wire.send(chunk)) this.#deflate.pause();
    });
  }

  /** Octets from the socket; false when the socket should be read no further for now. */
  push(chunk: Buffer): boolean {
    return this.#inflate.write(chunk);
  }

  pauseInput(): void {
    this.#inflate.pause();
  }

  resumeInput(): void {
    if (this.#inflate.isPaused()) this.#inflate.resume();
  }

  /** The socket has room again. */
  resumeOutput(): void {
    if (this.#deflate.isPaused()) this.#deflate.resume();
  }

  /** Compresses a piece; resolves when its octets are no longer needed. */
  write(piece: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#deflate.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** RFC 4978 §3: what was written so far reaches the peer now. */
  flush(): Promise<void> {
    return new Promise((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve));
  }

  /** Gives up both streams and their memory. */
  destroy(): void {
    this.#inflate.destroy();
    this.#deflate.destroy();
  }
}
