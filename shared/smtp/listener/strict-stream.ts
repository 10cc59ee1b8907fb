import { SMTPStream } from 'smtp-server/lib/smtp-stream';
import { DataDecoder, type DataLimits } from '../strict-data.ts';

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
  /** Octets of a message arrived. Answer false to stop reading: the connection has ended. */
  onDataProgress(decoder: DataDecoder): boolean;
  onDataEnd(decoder: DataDecoder, resume: () => void): void;
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
  #chunk: Buffer = Buffer.alloc(0);
  #position = 0;
  #next: ((error?: Error | null) => void) | undefined;

  constructor(sink: StreamSink, maxCommandBytes: number) {
    super();
    this.#sink = sink;
    this.#maxCommandBytes = maxCommandBytes;
  }

  /** From the next octet on, input is a message. */
  beginData(limits: DataLimits): void {
    this.#decoder = new DataDecoder(limits);
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
      if (this.isClosed || this.#position >= this.#chunk.length) return this.#finishChunk();
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
      const more = this.#decoder === undefined ? this.#takeLine(resume) : this.#takeData(this.#decoder, resume);
      inCall = false;
      if (!more) return this.#finishChunk();
      if (!resumed) return;
    }
  }

  #finishChunk(): void {
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
    const next = decoder.feed(this.#chunk, this.#position);
    this.#position = next < 0 ? this.#chunk.length : next;
    if (!this.#sink.onDataProgress(decoder)) {
      this.isClosed = true;
      return false;
    }
    if (next < 0) return false;
    this.#decoder = undefined;
    this._dataMode = false;
    if (this.#position < this.#chunk.length) this.#sink.onInputPending(true);
    this.#sink.onDataEnd(decoder, resume);
    return true;
  }

  #badLine(violation: LineViolation): boolean {
    this.isClosed = true;
    this.#sink.onBadLine(violation);
    return false;
  }
}
