const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;
const LINE_DOT = Buffer.from('\n.');
const END = Buffer.from('.\r\n');
const CRLF_END = Buffer.from('\r\n.\r\n');

/**
 * RFC 5321 §4.5.2: doubles each dot that begins a line, piece by piece, and ends the message with CRLF.CRLF. Pieces
 * without such a dot pass as they are, uncopied. Pure.
 */
export class DotStuffing {
  #last = LF;
  #beforeLast = CR;

  /** What to send for a piece of content. */
  feed(piece: Buffer): Buffer {
    if (piece.length === 0) return piece;
    const atStart = this.#last === LF && piece[0] === DOT;
    this.#beforeLast = piece.length > 1 ? piece[piece.length - 2]! : this.#last;
    this.#last = piece[piece.length - 1]!;
    let found = piece.indexOf(LINE_DOT);
    if (!atStart && found < 0) return piece;
    const dots: number[] = atStart ? [0] : [];
    for (; found >= 0; found = piece.indexOf(LINE_DOT, found + 2)) dots.push(found + 1);
    const out = Buffer.allocUnsafe(piece.length + dots.length);
    let from = 0;
    let at = 0;
    for (const dot of dots) {
      at += piece.copy(out, at, from, dot);
      out[at++] = DOT;
      from = dot;
    }
    piece.copy(out, at, from);
    return out;
  }

  /** What ends the message: the final dot, with the CRLF that the content lacks. */
  end(): Buffer {
    return this.#last === LF && this.#beforeLast === CR ? END : CRLF_END;
  }
}
