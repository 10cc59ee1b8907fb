import type { RawResponse } from './response-reader.ts';

/** What stands in a response: an atom or quoted string (latin1), a literal, NIL, or a list. */
export type ImapValue = string | Buffer | null | readonly ImapValue[];

/** Lists deeper than this are no answer to anything. */
const MAX_DEPTH = 250;

/** The values of a response from a place in its first line on. Throws SyntaxError on what cannot be understood. */
export function readValues(response: RawResponse, from: number): ImapValue[] {
  return new ValueReader(response, from).all();
}

/** Octets of a string as latin1 text; undefined for NIL and lists. */
export function octetsOf(value: ImapValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('latin1') : undefined;
}

export function bufferOf(value: ImapValue | undefined): Buffer | undefined {
  if (typeof value === 'string') return Buffer.from(value, 'latin1');
  return Buffer.isBuffer(value) ? value : undefined;
}

/** A string in UTF-8 (RFC 6855 §3) as text. */
export function textOf(value: ImapValue | undefined): string | undefined {
  return bufferOf(value)?.toString('utf8');
}

export function listOf(value: ImapValue | undefined): readonly ImapValue[] {
  return Array.isArray(value) ? (value as readonly ImapValue[]) : [];
}

/** `A x B y` as a map, names in upper case: FETCH items, STATUS items. */
export function pairsOf(values: readonly ImapValue[]): Map<string, ImapValue> {
  const map = new Map<string, ImapValue>();
  for (let i = 0; i + 1 < values.length; i += 2) {
    map.set((octetsOf(values[i]) ?? '').toUpperCase(), values[i + 1] ?? null);
  }
  return map;
}

class ValueReader {
  readonly #response: RawResponse;
  #line = 0;
  #at: number;
  #text: string;

  constructor(response: RawResponse, from: number) {
    this.#response = response;
    this.#text = response.lines[0] ?? '';
    this.#at = from;
  }

  all(): ImapValue[] {
    const values: ImapValue[] = [];
    for (;;) {
      this.#skipSpaces();
      if (this.#at >= this.#text.length) return values;
      values.push(this.#value(0));
    }
  }

  #skipSpaces(): void {
    while (this.#text.charCodeAt(this.#at) === 0x20) this.#at += 1;
  }

  #value(depth: number): ImapValue {
    if (depth > MAX_DEPTH) throw new SyntaxError('lists too deep');
    const char = this.#text[this.#at];
    if (char === '(') return this.#list(depth);
    if (char === '"') return this.#quoted();
    if (char === '{' || (char === '~' && this.#text[this.#at + 1] === '{')) return this.#literal();
    return this.#atom();
  }

  #list(depth: number): ImapValue[] {
    this.#at += 1;
    const values: ImapValue[] = [];
    for (;;) {
      this.#skipSpaces();
      if (this.#at >= this.#text.length) throw new SyntaxError('a list without its end');
      if (this.#text[this.#at] === ')') {
        this.#at += 1;
        return values;
      }
      values.push(this.#value(depth + 1));
    }
  }

  #quoted(): string {
    const start = this.#at + 1;
    let end = start;
    let escaped = false;
    for (; ; end += 1) {
      const char = this.#text[end];
      if (char === undefined) throw new SyntaxError('a quoted string without its end');
      if (char === '"') break;
      if (char === '\\') {
        escaped = true;
        end += 1;
      }
    }
    this.#at = end + 1;
    const text = this.#text.slice(start, end);
    return escaped ? text.replace(/\\(.)/gs, '$1') : text;
  }

  /** The line ends with the literal's size; what follows it stands in the next one. */
  #literal(): Buffer {
    const literal = this.#response.literals[this.#line];
    if (literal === undefined) throw new SyntaxError('a literal that did not come');
    this.#line += 1;
    this.#text = this.#response.lines[this.#line] ?? '';
    this.#at = 0;
    return literal;
  }

  /** Brackets hold spaces and lists: `BODY[HEADER.FIELDS (From To)]<0>`. */
  #atom(): string | null {
    const start = this.#at;
    for (; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text[this.#at];
      if (char === ' ' || char === ')' || char === '(') break;
      if (char === '[') {
        const close = this.#text.indexOf(']', this.#at);
        if (close > 0) this.#at = close;
      }
    }
    if (this.#at === start) throw new SyntaxError(`unexpected ${this.#text[this.#at]}`);
    const text = this.#text.slice(start, this.#at);
    return text.length === 3 && text.toUpperCase() === 'NIL' ? null : text;
  }
}
