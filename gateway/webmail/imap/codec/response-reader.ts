/** One response as it came: its lines (latin1, one character an octet), and the literals that stood between them. */
export interface RawResponse {
  /** One more than there are literals; each but the last ends with `{n}`. */
  readonly lines: readonly string[];
  readonly literals: readonly Buffer[];
}

/** Octets of one response beyond which the server is not believed any more. */
const MAX_RESPONSE_BYTES = 134_217_728;
const LF = 10;
const CR = 13;

/** Cuts what a server sends into responses (RFC 9051 §2.2.2, §4.3). Pure: it is fed octets, and knows no socket. */
export class ResponseReader {
  #chunks: Buffer[] = [];
  #have = 0;
  /** Octets that must be there before looking again makes sense. */
  #need = 1;
  #lines: string[] = [];
  #literals: Buffer[] = [];
  #size = 0;
  /** Octets of the literal that comes next; undefined when a line does. */
  #literal: number | undefined;

  /** @throws RangeError when a response is larger than any that was asked for */
  push(chunk: Buffer): RawResponse[] {
    this.#chunks.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return [];
    const data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    const responses: RawResponse[] = [];
    let at = 0;
    for (;;) {
      const left = data.length - at;
      if (this.#literal !== undefined) {
        if (left < this.#literal) {
          this.#need = this.#literal;
          break;
        }
        this.#literals.push(data.subarray(at, at + this.#literal));
        at += this.#literal;
        this.#literal = undefined;
        continue;
      }
      const end = data.indexOf(LF, at);
      if (end < 0) {
        this.#need = left + 1;
        break;
      }
      const line = data.toString('latin1', at, end > at && data[end - 1] === CR ? end - 1 : end);
      at = end + 1;
      this.#lines.push(line);
      this.#literal = literalAtEnd(line);
      this.#grow(line.length + (this.#literal ?? 0));
      if (this.#literal === undefined) responses.push(this.#take());
    }
    this.#chunks = at < data.length ? [data.subarray(at)] : [];
    this.#have = data.length - at;
    return responses;
  }

  #grow(octets: number): void {
    this.#size += octets;
    if (this.#size > MAX_RESPONSE_BYTES) throw new RangeError('a response is larger than any that was asked for');
  }

  #take(): RawResponse {
    const response = { lines: this.#lines, literals: this.#literals };
    this.#lines = [];
    this.#literals = [];
    this.#size = 0;
    return response;
  }
}

/** RFC 9051 §4.3, RFC 3516 §4.3: `{12}` or `~{12}` at the end of a line. */
function literalAtEnd(line: string): number | undefined {
  if (!line.endsWith('}')) return undefined;
  const open = line.lastIndexOf('{');
  const digits = line.slice(open + 1, -1);
  return open >= 0 && /^\d{1,10}$/.test(digits) ? Number(digits) : undefined;
}
