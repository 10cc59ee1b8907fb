/** Size of the pieces that a response is written in. */
export const PIECE_BYTES = 65_536;

/** Spare pieces, shared by all writers of the process: a busy one borrows, an idle one holds none. */
const spare: Buffer[] = [];
const MAX_SPARE = 64;

/** Gives a piece back when its bytes are on their way and nobody will read them again. */
export function recyclePiece(piece: Buffer): void {
  if (piece.length === PIECE_BYTES && spare.length < MAX_SPARE) spare.push(piece);
}

/** A filled piece: the first `length` octets of `piece`. Whoever takes it may {@link recyclePiece} it afterwards. */
export interface FilledPiece {
  readonly piece: Buffer;
  readonly length: number;
}

/** Every two-digit and four-digit end of a number as text, so that a number costs a few copies and no string. */
const DIGITS = Buffer.alloc(40_000);
for (let n = 0; n < 10_000; n += 1) DIGITS.write(String(n).padStart(4, '0'), n * 4, 'latin1');

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

  /** A piece with room for `bytes` octets, which must be far below {@link PIECE_BYTES}. */
  #room(bytes: number): Buffer {
    if (this.#piece !== undefined && this.#at + bytes > PIECE_BYTES) this.#close();
    if (this.#piece === undefined) {
      this.#piece = spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
      this.#at = 0;
    }
    return this.#piece;
  }

  /** Text of the protocol, latin1. */
  text(text: string): this {
    if (text.length > 1024) return this.bytes(Buffer.from(text, 'latin1'));
    const piece = this.#room(text.length);
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
    if (value >= 10_000) {
      if (value > 0xffffffff) return this.text(String(value));
      const high = Math.floor(value / 10_000);
      this.number(high);
      const from = (value - high * 10_000) * 4;
      const piece = this.#room(4);
      const at = this.#at;
      piece[at] = DIGITS[from] ?? 0;
      piece[at + 1] = DIGITS[from + 1] ?? 0;
      piece[at + 2] = DIGITS[from + 2] ?? 0;
      piece[at + 3] = DIGITS[from + 3] ?? 0;
      this.#at = at + 4;
      return this;
    }
    const digits = value >= 1000 ? 4 : value >= 100 ? 3 : value >= 10 ? 2 : 1;
    const piece = this.#room(4);
    const from = value * 4 + 4 - digits;
    let at = this.#at;
    for (let i = 0; i < digits; i += 1) {
      piece[at] = DIGITS[from + i] ?? 0;
      at += 1;
    }
    this.#at = at;
    return this;
  }

  /** Octets as they are, copied. */
  bytes(bytes: Uint8Array): this {
    let from = 0;
    while (from < bytes.length) {
      const piece = this.#room(1);
      const part = Math.min(bytes.length - from, PIECE_BYTES - this.#at);
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
