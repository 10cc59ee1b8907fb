import type { Segment } from '../../imap/codec/command.ts';

/** The client broke the grammar (RFC 5804 §4); the message is for its user. */
export class GrammarFault extends Error {
  override readonly name = 'GrammarFault';
}

const MAX_NUMBER = 0xffff_ffff;

/** Reads the atoms, strings and numbers of one command, in order. Strings are octets that are UTF-8. */
export class SieveArguments {
  readonly #segments: readonly Segment[];
  #segment = 0;
  #at = 0;

  constructor(segments: readonly Segment[]) {
    this.#segments = segments;
  }

  get #rest(): string {
    return (this.#segments[this.#segment]?.text ?? '').slice(this.#at);
  }

  /** Whether nothing follows. Spaces at the end of a line do no harm. */
  get atEnd(): boolean {
    return this.#segment === this.#segments.length - 1 && /^ *$/.test(this.#rest) && this.#literal === undefined;
  }

  get #literal(): Buffer | undefined {
    return this.#segments[this.#segment]?.literal?.bytes;
  }

  /** The name of the command, in upper case. */
  keyword(): string {
    const name = /^[A-Za-z]{1,32}/.exec(this.#rest)?.[0];
    if (name === undefined) throw new GrammarFault('A command begins with its name');
    this.#at += name.length;
    return name.toUpperCase();
  }

  space(): void {
    if (!this.#rest.startsWith(' ')) throw new GrammarFault('An argument is missing');
    this.#at += 1;
  }

  number(): number {
    const digits = /^(?:0|[1-9]\d{0,9})(?![^ ])/.exec(this.#rest)?.[0];
    const value = Number(digits);
    if (digits === undefined || value > MAX_NUMBER) throw new GrammarFault('A number of 32 bits is missing');
    this.#at += digits.length;
    return value;
  }

  /** A quoted string or a literal, as text. */
  string(): string {
    const octets = this.octets();
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
    } catch {
      throw new GrammarFault('Strings are in UTF-8');
    }
  }

  octets(): Buffer {
    const rest = this.#rest;
    if (rest === '' && this.#literal !== undefined) {
      const bytes = this.#literal;
      this.#segment += 1;
      this.#at = 0;
      return bytes;
    }
    // RFC 5804 §4: NUL, CR and LF never stand in a quoted string; only `"` and `\` are quoted by a backslash.
    const quoted = /^"((?:[^"\\\0\r\n]|\\["\\])*)"/.exec(rest);
    if (quoted === null) throw new GrammarFault('A string is missing');
    this.#at += quoted[0].length;
    return Buffer.from((quoted[1] ?? '').replace(/\\(["\\])/g, '$1'), 'latin1');
  }

  end(): void {
    if (!this.atEnd) throw new GrammarFault('Too many arguments');
  }
}
