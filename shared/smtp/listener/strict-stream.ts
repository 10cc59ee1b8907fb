import { SMTPStream } from 'smtp-server/lib/smtp-stream';
import type { DataDecoder } from '../strict-data.ts';

const LF = 0x0a;
const CR = 0x0d;

/** Commands served in one go before other sessions have their turn. */
const MAX_COMMANDS_PER_TURN = 100;

/** Why a command line cannot be read; the connection has to end, because what follows is ambiguous. */
export type LineViolation = 'bare-lf' | 'bare-cr' | 'nul' | 'too-long';

/** What the connection does with what the stream finds. `resume` goes on with the next octets; call it once. */
export interface StreamSink {
  onLine(line: Buffer, resume: () => void): void;
  onBadLine(violation: LineViolation): void;
  /**
   * So many octets of a message arrived. Answer false to stop reading: the connection has ended; a promise makes
   * the client wait.
   */
  onDataProgress(octets: number): boolean | Promise<boolean>;
  /** The message that {@link StrictStream.beginData} began is complete. */
  onDataEnd(resume: () => void): void;
  /** The octets that {@link StrictStream.beginChunk} announced are in. */
  onChunkEnd(resume: () => void): void;
  /** The octets at hand are used up, or not: while they are not, replies may be gathered (RFC 2920 §3.2). */
  onInputPending(pending: boolean): void;
  /** An incomplete line has stood since this time (process.uptime seconds). Answer false to stop reading. */
  onPartialLine(sinceSeconds: number): boolean;
}

/**
 * The input of one connection, cut into command lines and messages: lines end in CRLF and nothing else (RFC 5321
 * §2.3.8). It takes the place of the library's parser, whose public surface (`isClosed`, `_dataMode`) the connection uses.
 */
export class StrictStream extends SMTPStream {
  readonly #sink: StreamSink;
  readonly #maxCommandBytes: number;
  #partial: Buffer | undefined;
  #partialSince = 0;
  #decoder: DataDecoder | undefined;
  /** Octets of a BDAT chunk that are still to come. */
  #chunkLeft = 0;
  #inChunk = false;
  #chunk: Buffer = Buffer.alloc(0);
  #position = 0;
  #next: ((error?: Error | null) => void) | undefined;

  constructor(sink: StreamSink, maxCommandBytes: number) {
    super();
    this.#sink = sink;
    this.#maxCommandBytes = maxCommandBytes;
  }

  /** From the next octet on, input is a message. */
  beginData(decoder: DataDecoder): void {
    this.#decoder = decoder;
    this._dataMode = true;
  }

  /** The next octets, so many, are a chunk (RFC 3030 §2); without a decoder they are dropped. */
  beginChunk(octets: number, decoder: DataDecoder | undefined): void {
    this.#chunkLeft = octets;
    this.#inChunk = true;
    this.#decoder = decoder;
    this._dataMode = true;
  }

  /** A line that the client did not end before it went is no command. */
  override _flushData(): void {
    this.#partial = undefined;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding | 'buffer', next: (error?: Error | null) => void): void {
    this.#chunk = chunk;
    this.#position = 0;
    this.#next = next;
    this.#run();
  }

  #run() {
    for (let served = 0; ; served++) {
      const chunkIsIn = this.#inChunk && this.#chunkLeft === 0;
      if (this.isClosed || (this.#position >= this.#chunk.length && !chunkIsIn)) return this.#finishInput();
      if (served === MAX_COMMANDS_PER_TURN) {
        setImmediate(() => this.#run());
        return;
      }
      let inCall = true;
      let resumed = false;
      const resume = (): void => {
        if (inCall) resumed = true;
        else this.#run();
      };
      const more = this.#takeNext(resume);
      inCall = false;
      if (!more) return this.#finishInput();
      if (!resumed) return;
    }
  }

  /** Serves what comes next; false when the input at hand has no more of it. */
  #takeNext(resume: () => void): boolean {
    if (this.#inChunk) return this.#takeChunk(resume);
    return this.#decoder === undefined ? this.#takeLine(resume) : this.#takeData(this.#decoder, resume);
  }

  #finishInput(): void {
    this.#sink.onInputPending(false);
    const next = this.#next;
    this.#next = undefined;
    this.#chunk = Buffer.alloc(0);
    this.#position = 0;
    next?.();
  }

  /** Serves one line; false when the chunk holds none that is complete. */
  #takeLine(resume: () => void): boolean {
    const start = this.#position;
    const lf = this.#chunk.indexOf(LF, start);
    const end = lf < 0 ? this.#chunk.length : lf + 1;
    const length = end - start + (this.#partial?.length ?? 0);
    if (length > this.#maxCommandBytes) return this.#badLine('too-long');
    const piece = this.#chunk.subarray(start, end);
    const line = this.#partial === undefined ? piece : Buffer.concat([this.#partial, piece]);
    this.#position = end;
    if (lf < 0) {
      if (this.#partial === undefined) this.#partialSince = process.uptime();
      else if (!this.#sink.onPartialLine(this.#partialSince)) this.isClosed = true;
      // A copy: the piece must not keep a whole socket buffer alive.
      this.#partial = Buffer.from(line);
      return false;
    }
    this.#partial = undefined;
    const cr = line.indexOf(CR);
    if (cr !== line.length - 2) return this.#badLine(cr < 0 || cr === line.length - 1 ? 'bare-lf' : 'bare-cr');
    if (line.includes(0)) return this.#badLine('nul');
    if (this.#position < this.#chunk.length) this.#sink.onInputPending(true);
    this.#sink.onLine(line.subarray(0, -2), resume);
    return true;
  }

  #takeData(decoder: DataDecoder, resume: () => void): boolean {
    const from = this.#position;
    const next = decoder.feed(this.#chunk, from);
    this.#position = next < 0 ? this.#chunk.length : next;
    return this.#progress(this.#position - from, next >= 0, resume, (goOn) => this.#sink.onDataEnd(goOn));
  }

  #takeChunk(resume: () => void): boolean {
    const from = this.#position;
    const to = Math.min(this.#chunk.length, from + this.#chunkLeft);
    if (to > from) this.#decoder?.feed(this.#chunk.subarray(from, to));
    this.#position = to;
    this.#chunkLeft -= to - from;
    return this.#progress(to - from, this.#chunkLeft === 0, resume, (goOn) => this.#sink.onChunkEnd(goOn));
  }

  /** Tells the sink of octets that came, and, when they were the last, of the end. */
  #progress(octets: number, last: boolean, resume: () => void, end: (resume: () => void) => void): boolean {
    const goOn = (may: boolean): boolean => {
      if (!may) this.isClosed = true;
      else if (last) {
        this.#decoder = undefined;
        this.#inChunk = false;
        this._dataMode = false;
        if (this.#position < this.#chunk.length) this.#sink.onInputPending(true);
        end(resume);
      }
      return may && last;
    };
    const verdict = this.#sink.onDataProgress(octets);
    if (typeof verdict === 'boolean') return goOn(verdict);
    // The end calls `resume` by itself.
    void verdict.then((may) => {
      if (!goOn(may)) resume();
    });
    return true;
  }

  #badLine(violation: LineViolation): boolean {
    this.isClosed = true;
    this.#sink.onBadLine(violation);
    return false;
  }
}
