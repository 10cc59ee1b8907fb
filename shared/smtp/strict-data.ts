import { endOfText, wordsOf } from './octet-words.ts';

/** Bounds of one message; see ListenerLimits. */
export interface DataLimits {
  readonly maxMessageBytes: number;
  readonly maxHeaderFields: number;
  readonly maxHeaderBytes: number;
}

/**
 * Why a message is not taken. `bare-cr`, `bare-lf`: line ends that another server might read differently, which is
 * how messages are smuggled (RFC 5321 §2.3.8 forbids both). `memory`: the caller's budget is spent.
 */
export type DataViolation = 'bare-cr' | 'bare-lf' | 'nul' | 'size' | 'header-fields' | 'header-bytes' | 'memory';

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;

// Where the decoder stands within a line.
const LINE_START = 0;
const TEXT = 1;
const AFTER_CR = 2;
const AFTER_DOT = 3;
const AFTER_DOT_CR = 4;

/** Pieces smaller than this are copied together, so that a client that sends octet by octet costs no more memory. */
const SMALL_PIECE_BYTES = 8_192;
const BLOCK_BYTES = 32_768;
const CRLF = Buffer.from('\r\n');

/** How a message is told from what follows it: by a lone dot (DATA), or by counted chunks (BDAT, RFC 3030 §2). */
export type Framing = 'dot' | 'chunks';

/**
 * Turns what follows `354` into a message: ends at CRLF.CRLF alone (RFC 5321 §4.1.1.4), removes the dots of transparency
 * (§4.5.2), and checks line ends, NUL and the limits. Framed by chunks a dot is a dot, and {@link endChunks} ends it. Pure: no socket, no clock. Octets may arrive cut anywhere; the
 * result is the same. After a violation the content is dropped, and octets are read on to the end.
 */
export class DataDecoder {
  readonly #limits: DataLimits;
  readonly #dots: boolean;
  #taken = 0;
  #state = LINE_START;
  #pieces: Buffer[] = [];
  #block: Buffer | undefined;
  #blockUsed = 0;
  #size = 0;
  #inHeader = true;
  #headerFields = 0;
  #headerBytes = 0;
  #violation: DataViolation | undefined;
  #ambiguous = false;
  #ended = false;

  constructor(limits: DataLimits, framing: Framing = 'dot') {
    this.#limits = limits;
    this.#dots = framing === 'dot';
  }

  /** Octets of content so far, dots unstuffed. */
  get size(): number {
    return this.#size;
  }

  /** Octets of the header section, the empty line excluded; meaningful at the end. */
  get headerBytes(): number {
    return this.#inHeader ? this.#size : this.#headerBytes;
  }

  /** The first thing found wrong. */
  get violation(): DataViolation | undefined {
    return this.#violation;
  }

  /** Bare CR or LF were seen: what follows the end cannot be trusted to be commands, so the connection has to end. */
  get ambiguous(): boolean {
    return this.#ambiguous;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Gives the message up from outside, e.g. when memory is short; content is dropped. */
  refuse(violation: DataViolation): void {
    this.#violation ??= violation;
    this.#drop();
  }

  /** Octets of content that are held here: not those taken by {@link take}, and none after a violation. */
  get heldBytes(): number {
    return this.#violation === undefined ? this.#size - this.#taken : 0;
  }

  /** Hands over what is held so far, in order; {@link content} is then what came after. */
  take(): Buffer[] {
    this.#closeBlock();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#taken = this.#size;
    return pieces;
  }

  /** The last chunk is in. A last line without its CRLF gets one, as DATA would have given it (RFC 5321 §4.1.1.4). */
  endChunks(): void {
    if (this.#state === AFTER_CR) this.#ambiguity('bare-cr');
    else if (this.#state === TEXT) this.#keep(CRLF, 0, CRLF.length, undefined, 0);
    this.#ended = true;
  }

  /** The message, once ended and without violation. */
  content(): Buffer {
    this.#closeBlock();
    const only = this.#pieces.length === 1 ? this.#pieces[0] : undefined;
    return only ?? Buffer.concat(this.#pieces, this.#size - this.#taken);
  }

  /**
   * Takes octets from `chunk[start]` on. Returns the index of the first octet after the end of the message, or −1 when
   * the message goes on. The chunk must not be changed by the caller afterwards.
   */
  feed(chunk: Buffer, start = 0): number {
    let state = this.#state;
    let runStart = start;
    // Only a chunk with transparent dots is copied; `out` then holds what was kept of it so far.
    let out: Buffer | undefined;
    let outUsed = 0;
    let kept = 0;
    const end = chunk.length;
    const words = wordsOf(chunk);
    for (let i = start; i < end; i++) {
      if (state === TEXT) i = endOfText(chunk, words, i);
      if (i === end) break;
      const octet = chunk[i]!;
      if (state === TEXT) {
        if (octet === CR) state = AFTER_CR;
        else if (octet === LF) {
          this.#ambiguity('bare-lf');
          state = LINE_START;
        } else if (octet === 0) this.refuse('nul');
        continue;
      }
      if (state === AFTER_CR) {
        if (octet === LF) {
          state = LINE_START;
          continue;
        }
        this.#ambiguity('bare-cr');
        // Read the CR as a line end from here on: a dot line is then found however it was meant.
        state = LINE_START;
      }
      if (state === LINE_START) {
        if (octet === DOT && this.#dots) {
          if (i > runStart) {
            out ??= Buffer.allocUnsafe(end - start);
            outUsed += chunk.copy(out, outUsed, runStart, i);
          }
          kept += i - runStart;
          runStart = i + 1;
          state = AFTER_DOT;
          continue;
        }
        if (this.#inHeader) this.#headerLine(octet, this.#size + kept + (i - runStart));
        state = this.#afterFirst(octet);
        continue;
      }
      if (state === AFTER_DOT) {
        if (octet === CR) {
          if (this.#ambiguous) return this.#end(i + 1);
          state = AFTER_DOT_CR;
          continue;
        }
        if (octet === LF) {
          this.#ambiguity('bare-lf');
          return this.#end(i + 1);
        }
        if (this.#inHeader) this.#headerLine(octet, this.#size + kept);
        state = octet === 0 ? this.#afterFirst(octet) : TEXT;
        continue;
      }
      // AFTER_DOT_CR
      if (octet === LF) {
        this.#keep(chunk, runStart, i - 1, out, outUsed);
        return this.#end(i + 1);
      }
      this.#ambiguity('bare-cr');
      return this.#end(i);
    }
    this.#state = state;
    const runEnd = state === AFTER_DOT_CR ? runStart : end;
    this.#keep(chunk, runStart, runEnd, out, outUsed);
    return -1;
  }

  /** State after the first octet of a line that is no dot. */
  #afterFirst(octet: number): number {
    if (octet === CR) return AFTER_CR;
    if (octet === LF) {
      this.#ambiguity('bare-lf');
      return LINE_START;
    }
    if (octet === 0) this.refuse('nul');
    return TEXT;
  }

  #headerLine(octet: number, offset: number): void {
    if (octet === CR || octet === LF) {
      this.#inHeader = false;
      this.#headerBytes = offset;
    } else if (octet !== 0x20 && octet !== 0x09) {
      this.#headerFields++;
      if (this.#headerFields > this.#limits.maxHeaderFields) this.refuse('header-fields');
    }
    if (offset > this.#limits.maxHeaderBytes) this.refuse('header-bytes');
  }

  #ambiguity(violation: 'bare-cr' | 'bare-lf'): void {
    this.#ambiguous = true;
    this.refuse(violation);
  }

  #end(next: number): number {
    this.#ended = true;
    return next;
  }

  #keep(chunk: Buffer, from: number, until: number, out: Buffer | undefined, outUsed: number): void {
    // The CR of the final dot may have come with the chunk before: nothing of this one is content then.
    const to = Math.max(from, until);
    let piece: Buffer;
    if (out === undefined) {
      piece = chunk.subarray(from, to);
    } else {
      const used = to > from ? outUsed + chunk.copy(out, outUsed, from, to) : outUsed;
      piece = out.subarray(0, used);
    }
    this.#size += piece.length;
    if (this.#size > this.#limits.maxMessageBytes) this.refuse('size');
    if (this.#inHeader && this.#size > this.#limits.maxHeaderBytes) this.refuse('header-bytes');
    if (this.#violation !== undefined || piece.length === 0) return;
    if (piece.length >= SMALL_PIECE_BYTES) {
      this.#closeBlock();
      this.#pieces.push(piece);
      return;
    }
    if (this.#block === undefined || this.#block.length - this.#blockUsed < piece.length) {
      this.#closeBlock();
      // The first block fits a common message; later ones are larger, for there is a stream of small pieces.
      this.#block = Buffer.allocUnsafeSlow(this.#pieces.length === 0 ? SMALL_PIECE_BYTES : BLOCK_BYTES);
    }
    this.#blockUsed += piece.copy(this.#block, this.#blockUsed);
  }

  #closeBlock(): void {
    if (this.#block !== undefined && this.#blockUsed > 0) this.#pieces.push(this.#block.subarray(0, this.#blockUsed));
    this.#block = undefined;
    this.#blockUsed = 0;
  }

  #drop(): void {
    this.#pieces = [];
    this.#block = undefined;
    this.#blockUsed = 0;
  }
}
