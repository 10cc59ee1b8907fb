import { isTagChar } from './octets.ts';

/** A literal as it was received; `binary` is the `~{n}` form (RFC 3516 literal8). */
export interface Literal {
  readonly bytes: Buffer;
  readonly binary: boolean;
}

/** One line of a command without its line end, and the literal that follows it, if any. */
export interface Segment {
  /** latin1: one character an octet. The `{n}` of a literal is taken off. */
  readonly text: string;
  readonly literal?: Literal | undefined;
}

/** Which limit a command broke. `not-synchronizing`: a literal that had to wait for `+` (RFC 7888 §5). */
export type RefusedWhy = 'line-too-long' | 'literal-too-big' | 'not-synchronizing';

/** What the framer found in the bytes received so far. */
export type Frame =
  /** A whole command, ready for its {@link ArgumentReader}. */
  | { readonly kind: 'command'; readonly segments: readonly Segment[] }
  /** A literal begins. If `synchronizing`, the client waits for `+` (RFC 9051 §4.3, RFC 7888). */
  | { readonly kind: 'literal'; readonly bytes: number; readonly synchronizing: boolean }
  /** The command broke a limit; it was consumed to its end, so that the next byte begins the next command. */
  | { readonly kind: 'refused'; readonly tag: string; readonly why: RefusedWhy }
  /** The connection cannot be kept in step: only BYE is left (RFC 7888 §4). */
  | { readonly kind: 'lost' };

/** Limits of one session; the session may raise them after sign-in. */
export interface FramerLimits {
  /** Octets of all lines of one command, literals not counted. */
  maxLineBytes: number;
  /** Octets of all literals of a command that is not APPEND. */
  maxArgumentBytes: number;
  /** Octets of all literals of one APPEND. */
  maxAppendBytes: number;
  /** Octets of one non-synchronizing literal (RFC 7888 §5: 4096 with LITERAL-, none where both are off). */
  maxNonSynchronizingBytes: number;
}

const LF = 0x0a;
const LITERAL_AT_END = /(~?)\{(\d{1,20})(\+?)\}$/;

/**
 * Cuts the bytes of a connection into commands. Pure and incremental: it gives the same frames however the bytes were
 * split into chunks. It never holds more than the limits and the chunks that were pushed and not yet asked for.
 */
export class CommandFramer {
  readonly limits: FramerLimits;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  /** How much of the chunks is known to hold no line end. */
  #scanned = 0;
  #segments: Segment[] = [];
  #lineBytes = 0;
  #literalBytes = 0;
  #literal: { size: number; binary: boolean; text: string; got: Buffer[]; gotBytes: number } | undefined;
  #skip = 0;
  #refused: { tag: string; why: RefusedWhy } | undefined;
  /** The beginning of an overlong line, whose middle was dropped: enough to tell its tag. */
  #droppedHead: string | undefined;
  #lost = false;

  constructor(limits: FramerLimits) {
    this.limits = limits;
  }

  /** Octets that were pushed and are not consumed yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  /** Forgets what was received and not consumed: after STARTTLS, so that nothing sent before TLS counts (RFC 9051 §6.2.1). */
  discard(): void {
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#scanned = 0;
  }

  /** What was received and not consumed, taken out: it belongs to a layer that begins now. */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.#chunks);
    this.discard();
    return rest;
  }

  /** The next frame, or undefined when more bytes are needed. */
  next(): Frame | undefined {
    for (;;) {
      if (this.#lost) return { kind: 'lost' };
      if (this.#skip > 0) {
        this.#skip -= this.#drop(this.#skip);
        if (this.#skip > 0) return undefined;
      }
      if (this.#literal !== undefined) {
        if (!this.#fillLiteral()) return undefined;
        continue;
      }
      const line = this.#takeLine();
      if (line === undefined) return undefined;
      const frame = this.#endOfLine(line);
      if (frame !== undefined) return frame;
    }
  }

  /**
   * The next line as it is, for what a client sends outside of a command: a SASL response, DONE of IDLE. `too-long`
   * stands for a line above the limit; it was dropped.
   */
  nextLine(): { readonly text: string } | 'too-long' | undefined {
    const line = this.#takeLine();
    if (line === undefined) return undefined;
    const overlong = this.#droppedHead !== undefined || line.length > this.limits.maxLineBytes;
    this.#droppedHead = undefined;
    return overlong ? 'too-long' : { text: line };
  }

  #endOfLine(line: string): Frame | undefined {
    const overlong = this.#droppedHead !== undefined;
    this.#droppedHead = undefined;
    this.#lineBytes += line.length;
    if (overlong || this.#lineBytes > this.limits.maxLineBytes) this.#refuse(line, 'line-too-long');

    const marker = LITERAL_AT_END.exec(line);
    if (marker === null) {
      if (this.#refused !== undefined) return this.#finishRefusal();
      const segments = [...this.#segments, { text: line }];
      this.#reset();
      return { kind: 'command', segments };
    }

    const size = Number(marker[2]);
    const synchronizing = marker[3] === '';
    const limit = this.#literalLimit(line);
    if (this.#literalBytes + size > limit) this.#refuse(line, 'literal-too-big');
    if (!synchronizing && size > this.limits.maxNonSynchronizingBytes) this.#refuse(line, 'not-synchronizing');
    if (this.#refused !== undefined) {
      // RFC 7888 §4: a synchronizing literal is refused in place of the `+`; the client does not send it.
      if (synchronizing) return this.#finishRefusal();
      if (size > this.limits.maxAppendBytes * 2) {
        this.#lost = true;
        return { kind: 'lost' };
      }
      this.#skip = size;
      return undefined;
    }
    this.#literalBytes += size;
    this.#literal = {
      size,
      binary: marker[1] === '~',
      text: line.slice(0, marker.index),
      got: [],
      gotBytes: 0,
    };
    return { kind: 'literal', bytes: size, synchronizing };
  }

  #literalLimit(line: string): number {
    const start = this.#segments[0]?.text ?? line;
    return /^[^ ]+ (?:append|(?:uid )?replace) /i.test(start)
      ? this.limits.maxAppendBytes
      : this.limits.maxArgumentBytes;
  }

  #refuse(line: string, why: RefusedWhy): void {
    if (this.#refused !== undefined) return;
    this.#refused = { tag: tagOf(this.#segments[0]?.text ?? line) ?? '*', why };
    this.#segments = [];
  }

  #finishRefusal(): Frame {
    const refused = this.#refused ?? { tag: '*', why: 'line-too-long' };
    this.#reset();
    return { kind: 'refused', ...refused };
  }

  #reset(): void {
    this.#segments = [];
    this.#lineBytes = 0;
    this.#literalBytes = 0;
    this.#refused = undefined;
  }

  #fillLiteral(): boolean {
    const literal = this.#literal;
    if (literal === undefined) return true;
    while (literal.gotBytes < literal.size) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) return false;
      const wanted = literal.size - literal.gotBytes;
      const part = chunk.length <= wanted ? chunk : chunk.subarray(0, wanted);
      if (part.length < chunk.length) this.#chunks.unshift(chunk.subarray(part.length));
      literal.got.push(part);
      literal.gotBytes += part.length;
      this.#bufferedBytes -= part.length;
    }
    this.#scanned = 0;
    const bytes = Buffer.concat(literal.got, literal.size);
    this.#segments.push({ text: literal.text, literal: { bytes, binary: literal.binary } });
    this.#literal = undefined;
    return true;
  }

  /**
   * A line without its end, as latin1. A bare LF ends a line too: people type commands by hand, and no reading of the
   * bytes differs by it. A line that exceeds what is left of the limit is dropped but for its beginning and its end.
   */
  #takeLine(): string | undefined {
    let offset = 0;
    for (const [index, chunk] of this.#chunks.entries()) {
      const from = Math.max(0, this.#scanned - offset);
      const at = from >= chunk.length ? -1 : chunk.indexOf(LF, from);
      if (at >= 0) {
        const line = this.#cut(index, at);
        return (this.#droppedHead ?? '') + line;
      }
      offset += chunk.length;
    }
    this.#scanned = offset;
    if (offset > this.limits.maxLineBytes + 2 - this.#lineBytes) this.#dropOverlong();
    return undefined;
  }

  /** Cuts the line that ends with the LF at `at` of chunk `index` out of the chunks. */
  #cut(index: number, at: number): string {
    const last = this.#chunks[index] ?? Buffer.alloc(0);
    const whole =
      index === 0 ? last.subarray(0, at) : Buffer.concat([...this.#chunks.slice(0, index), last.subarray(0, at)]);
    this.#chunks = this.#chunks.slice(index);
    if (at + 1 < last.length) this.#chunks[0] = last.subarray(at + 1);
    else this.#chunks.shift();
    this.#scanned = 0;
    this.#bufferedBytes -= whole.length + 1;
    const end = whole.length > 0 && whole[whole.length - 1] === 0x0d ? whole.length - 1 : whole.length;
    return whole.toString('latin1', 0, end);
  }

  #dropOverlong(): void {
    const all = Buffer.concat(this.#chunks);
    const head = this.#droppedHead ?? all.toString('latin1', 0, 128);
    // The longest literal marker is `~{` 20 digits `+}` CR: 25 octets.
    const tail = all.subarray(-32);
    this.#droppedHead = head;
    this.#chunks = [Buffer.from(tail)];
    this.#bufferedBytes = tail.length;
    this.#scanned = tail.length;
  }

  #drop(wanted: number): number {
    let dropped = 0;
    while (dropped < wanted) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) break;
      const part = Math.min(chunk.length, wanted - dropped);
      if (part < chunk.length) this.#chunks.unshift(chunk.subarray(part));
      dropped += part;
    }
    this.#bufferedBytes -= dropped;
    this.#scanned = 0;
    return dropped;
  }
}

/** The tag that a line begins with; undefined if it begins with none (RFC 9051 §9 tag). */
export function tagOf(line: string): string | undefined {
  let end = 0;
  while (end < line.length && isTagChar(line.charCodeAt(end))) end += 1;
  return end > 0 && end <= 128 && (end === line.length || line[end] === ' ') ? line.slice(0, end) : undefined;
}
