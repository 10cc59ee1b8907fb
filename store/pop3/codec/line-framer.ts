/** A line of the client without its end, latin1; or the word that one was too long and dropped. */
export type PopLine = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'too-long' };

const LF = 0x0a;
const CR = 0x0d;

/**
 * Cuts the bytes of a connection into lines. Pure and incremental. A bare LF ends a line too, as people type commands by hand. It
 * holds no more than the limit and the chunks that were pushed and not yet asked for.
 */
export class LineFramer {
  /** Octets of a line without its end. */
  maxLineBytes: number;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  /** The line that comes in is too long already: it is dropped up to its end. */
  #dropping = false;

  constructor(maxLineBytes: number) {
    this.maxLineBytes = maxLineBytes;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  discard(): void {
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#dropping = false;
  }

  takeRest(): Buffer {
    const rest = Buffer.concat(this.#chunks);
    this.discard();
    return rest;
  }

  next(): PopLine | undefined {
    if (this.#chunks.length === 0) return undefined;
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    const at = all.indexOf(LF);
    if (at < 0) {
      this.#keep(all.length > this.maxLineBytes + 1 ? this.#drop() : all);
      return undefined;
    }
    this.#keep(all.subarray(at + 1));
    const end = at > 0 && all[at - 1] === CR ? at - 1 : at;
    const tooLong = this.#dropping || end > this.maxLineBytes;
    this.#dropping = false;
    return tooLong ? { kind: 'too-long' } : { kind: 'line', text: all.toString('latin1', 0, end) };
  }

  #drop(): Buffer {
    this.#dropping = true;
    return Buffer.alloc(0);
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bufferedBytes = rest.length;
  }
}
