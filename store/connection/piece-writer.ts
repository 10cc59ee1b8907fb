import { NUMBER_OCTETS, putNumber } from './octets.ts';

/** Size of the pieces that a response is written in. */
export const PIECE_BYTES = 65_536;

/** Spare pieces, shared by all writers of the process: a busy one borrows, an idle one holds none. */
const spare: Buffer[] = [];
const MAX_SPARE = 64;
/** Up to here a loop copies quicker than a call into the runtime. */
const SHORT_OCTETS = 128;

/** Gives a piece back when its bytes are on their way and nobody will read them again. */
export function recyclePiece(piece: Buffer): void {
  if (piece.length === PIECE_BYTES && spare.length < MAX_SPARE) spare.push(piece);
}

/** A filled piece: the first `length` octets of `piece`. Whoever takes it may {@link recyclePiece} it afterwards. */
export interface FilledPiece {
  readonly piece: Buffer;
  readonly length: number;
}

/**
 * Writes responses into pieces of 64 KB. Pure: it knows no socket. The session takes the filled pieces with
 * {@link takeFilled} between two rows and waits for the socket there, so that no response is ever buffered whole.
 */
export class PieceWriter {
  #piece: Buffer | undefined;
  #at = 0;
  #filled: FilledPiece[] = [];
  #filledBytes = 0;

  /** Octets written and not taken yet. */
  get pendingBytes(): number {
    return this.#filledBytes + this.#at;
  }

  /** The pieces that are full; with `all`, what is begun as well. */
  takeFilled(all: boolean): FilledPiece[] {
    if (all && this.#piece !== undefined) {
      if (this.#at > 0) this.#close();
      else recyclePiece(this.#piece);
      this.#piece = undefined;
    }
    const taken = this.#filled;
    this.#filled = [];
    this.#filledBytes = 0;
    return taken;
  }

  #close(): void {
    if (this.#piece === undefined) return;
    this.#filled.push({ piece: this.#piece, length: this.#at });
    this.#filledBytes += this.#at;
    this.#piece = undefined;
    this.#at = 0;
  }

  /**
   * For rows that are written octet by octet: a piece with room for so many (far below {@link PIECE_BYTES}) from {@link at} on. Tell by
   * {@link advanceTo} where they end.
   */
  reserve(octets: number): Buffer {
    if (this.#piece !== undefined && this.#at + octets > PIECE_BYTES) this.#close();
    if (this.#piece === undefined) {
      this.#piece = spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
      this.#at = 0;
    }
    return this.#piece;
  }

  /** Where in the piece the next octet belongs. */
  get at(): number {
    return this.#at;
  }

  advanceTo(at: number): void {
    this.#at = at;
  }

  /** Text of the protocol, latin1. */
  text(text: string): this {
    if (text.length > 1024) return this.bytes(Buffer.from(text, 'latin1'));
    const piece = this.reserve(text.length);
    if (text.length < 24) {
      let at = this.#at;
      for (let i = 0; i < text.length; i += 1) {
        piece[at] = text.charCodeAt(i);
        at += 1;
      }
      this.#at = at;
    } else {
      this.#at += piece.write(text, this.#at, 'latin1');
    }
    return this;
  }

  number(value: number): this {
    const piece = this.reserve(NUMBER_OCTETS);
    this.#at = putNumber(piece, this.#at, value);
    return this;
  }

  /** Octets as they are, copied. */
  bytes(bytes: Uint8Array): this {
    return this.slice(bytes, 0, bytes.length);
  }

  /** The octets from `start` up to `end`, copied: no view of them is made where they are few. */
  slice(bytes: Uint8Array, start: number, end: number): this {
    if (end - start <= SHORT_OCTETS) {
      const piece = this.reserve(SHORT_OCTETS);
      let at = this.#at;
      for (let i = start; i < end; i += 1) {
        piece[at] = bytes[i] as number;
        at += 1;
      }
      this.#at = at;
      return this;
    }
    let from = start;
    while (from < end) {
      const piece = this.reserve(1);
      const part = Math.min(end - from, PIECE_BYTES - this.#at);
      piece.set(bytes.subarray(from, from + part), this.#at);
      this.#at += part;
      from += part;
    }
    return this;
  }

  line(text: string): this {
    return this.text(text).text('\r\n');
  }
}
