const LF = 0x0a;
const CR = 0x0d;

/**
 * Finds where TOP has to stop (RFC 1939 §7): behind the header, the empty line and so many lines of the body. Pure; it is fed
 * the message piece by piece.
 */
export class LineCounter {
  #lines: number;
  #inBody = false;
  /** Nothing but CR stood in this line so far. */
  #emptyLine = true;

  /** @param lines of the body that are wanted */
  constructor(lines: number) {
    this.#lines = lines;
  }

  /** How many octets of this piece belong to the answer: all, or up to where it is complete. */
  feed(piece: Buffer): { readonly take: number; readonly complete: boolean } {
    let at = 0;
    while (at < piece.length) {
      if (this.#inBody && this.#lines === 0) return { take: at, complete: true };
      const lf = piece.indexOf(LF, at);
      const end = lf < 0 ? piece.length : lf;
      if (end - at > 1 || (end - at === 1 && piece[at] !== CR)) this.#emptyLine = false;
      if (lf < 0) return { take: piece.length, complete: false };
      if (this.#inBody) this.#lines -= 1;
      else if (this.#emptyLine) this.#inBody = true;
      this.#emptyLine = true;
      at = lf + 1;
    }
    return { take: piece.length, complete: this.#inBody && this.#lines === 0 };
  }
}
