/**
 * A checker for what a strict client accepts of ENVELOPE, BODY and BODYSTRUCTURE, written from the grammar (RFC 3501 §9) and from nothing
 * that renders. Each function throws a SyntaxError at the first octet that the grammar does not allow.
 */
export type WireValue = string | null | readonly WireValue[];

/** Checks an `envelope` and returns its ten values. */
export function checkEnvelope(wire: Buffer): WireValue[] {
  const grammar = new Grammar(wire);
  const value = grammar.envelope();
  grammar.end();
  return value;
}

/** Checks a `body`; `extended` for BODYSTRUCTURE. Returns the number of parts that are no multipart. */
export function checkBody(wire: Buffer, extended: boolean): number {
  const grammar = new Grammar(wire);
  const leaves = grammar.body(extended);
  grammar.end();
  return leaves;
}

class Grammar {
  readonly #text: string;
  #at = 0;

  constructor(wire: Buffer) {
    this.#text = wire.toString('latin1');
  }

  end(): void {
    if (this.#at !== this.#text.length) this.#fail('the end');
  }

  envelope(): WireValue[] {
    this.#take('(');
    const value: WireValue[] = [this.#nstring()];
    this.#take(' ');
    value.push(this.#nstring());
    for (let i = 0; i < 6; i++) {
      this.#take(' ');
      value.push(this.#addresses());
    }
    for (let i = 0; i < 2; i++) {
      this.#take(' ');
      value.push(this.#nstring());
    }
    this.#take(')');
    return value;
  }

  body(extended: boolean): number {
    this.#take('(');
    const leaves = this.#peek() === '(' ? this.#multipart(extended) : this.#single(extended);
    this.#take(')');
    return leaves;
  }

  /** body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart] */
  #multipart(extended: boolean): number {
    let leaves = 0;
    while (this.#peek() === '(') leaves += this.body(extended);
    this.#take(' ');
    this.#string();
    if (extended) {
      this.#take(' ');
      this.#params();
      this.#extension();
    }
    return leaves;
  }

  #single(extended: boolean): number {
    const type = this.#string().toLowerCase();
    this.#take(' ');
    const subtype = this.#string().toLowerCase();
    if (type === 'multipart') this.#fail('a multipart has parts');
    this.#take(' ');
    this.#params();
    this.#take(' ');
    this.#nstring();
    this.#take(' ');
    this.#nstring();
    this.#take(' ');
    if (this.#string() === '') this.#fail('an encoding');
    this.#take(' ');
    this.#number();
    let leaves = 1;
    if (type === 'message' && (subtype === 'rfc822' || subtype === 'global')) {
      this.#take(' ');
      this.envelope();
      this.#take(' ');
      leaves += this.body(extended);
      this.#take(' ');
      this.#number();
    } else if (type === 'text') {
      this.#take(' ');
      this.#number();
    }
    if (extended) {
      this.#take(' ');
      this.#nstring();
      this.#extension();
    }
    return leaves;
  }

  /** SP body-fld-dsp SP body-fld-lang SP body-fld-loc */
  #extension(): void {
    this.#take(' ');
    if (!this.#nil()) {
      this.#take('(');
      this.#string();
      this.#take(' ');
      this.#params();
      this.#take(')');
    }
    this.#take(' ');
    if (this.#peek() === '(') {
      this.#take('(');
      this.#string();
      while (this.#peek() === ' ') {
        this.#take(' ');
        this.#string();
      }
      this.#take(')');
    } else this.#nstring();
    this.#take(' ');
    this.#nstring();
  }

  #params(): void {
    if (this.#nil()) return;
    this.#take('(');
    for (;;) {
      if (this.#string() === '') this.#fail('a name');
      this.#take(' ');
      this.#string();
      if (this.#peek() !== ' ') break;
      this.#take(' ');
    }
    this.#take(')');
  }

  #addresses(): WireValue {
    if (this.#nil()) return null;
    const list: WireValue[] = [];
    this.#take('(');
    do {
      this.#take('(');
      const address = [this.#nstring()];
      for (let i = 0; i < 3; i++) {
        this.#take(' ');
        address.push(this.#nstring());
      }
      this.#take(')');
      list.push(address);
    } while (this.#peek() === '(');
    this.#take(')');
    return list;
  }

  #nil(): boolean {
    if (!this.#text.startsWith('NIL', this.#at)) return false;
    this.#at += 3;
    return true;
  }

  #nstring(): string | null {
    return this.#nil() ? null : this.#string();
  }

  #string(): string {
    if (this.#peek() === '{') return this.#literal();
    this.#take('"');
    let value = '';
    for (;;) {
      const c = this.#text[this.#at++];
      if (c === '"') return value;
      if (c === undefined || /[\0\r\n\x80-\xff]/.test(c)) this.#fail('TEXT-CHAR');
      if (c !== '\\') value += c;
      else {
        const escaped = this.#text[this.#at++];
        if (escaped !== '"' && escaped !== '\\') this.#fail('a quoted special');
        value += escaped;
      }
    }
  }

  #literal(): string {
    this.#take('{');
    const length = this.#number();
    this.#take('}');
    this.#take('\r');
    this.#take('\n');
    const value = this.#text.slice(this.#at, this.#at + length);
    if (value.length !== length || value.includes('\0')) this.#fail('a literal');
    this.#at += length;
    return value;
  }

  #number(): number {
    const digits = /^\d{1,10}/.exec(this.#text.slice(this.#at, this.#at + 10))?.[0];
    if (digits === undefined) return this.#fail('a number');
    this.#at += digits.length;
    return Number(digits);
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #take(c: string): void {
    if (this.#text[this.#at] !== c) this.#fail(JSON.stringify(c));
    this.#at++;
  }

  #fail(wanted: string): never {
    const near = this.#text.slice(Math.max(0, this.#at - 30), this.#at + 30);
    throw new SyntaxError(`octet ${this.#at}: wanted ${wanted} near ${JSON.stringify(near)}`);
  }
}
