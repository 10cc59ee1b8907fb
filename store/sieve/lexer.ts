import { type Position, SyntaxFault } from './script-error.ts';

/** RFC 5228 §8.1. Identifiers and tags are in lower case, because they ignore it. */
export type Token =
  | { readonly kind: 'identifier' | 'tag' | 'string'; readonly text: string; readonly at: Position }
  | { readonly kind: 'number'; readonly value: number; readonly at: Position }
  | { readonly kind: Punctuation | 'end'; readonly at: Position };

type Punctuation = ';' | '{' | '}' | '(' | ')' | '[' | ']' | ',';

const PUNCTUATION = ';{}()[],';
const BLANKS = /[ \t\r\n]*/y;
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /(\d+)([KMGkmg]?)/y;
const QUOTED_RUN = /[^"\\]*/y;
const HASH_COMMENT = /#[^\n]*/y;
const MULTI_LINE = /text:[ \t]*(?:#[^\r\n]*)?\r?\n/iy;

/** RFC 5228 §2.4.1: binary multiples. */
const QUANTIFIERS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Turns a script's text into tokens. A bare line feed ends a line as CRLF does: editors write it. */
export class Lexer {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;
  /** Line ends up to here are counted. */
  #counted = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token; `end` again and again at the end. Throws {@link SyntaxFault}. */
  next(): Token {
    this.#skipWhiteSpace();
    const at = this.#position(this.#at);
    const c = this.#text[this.#at];
    if (c === undefined) return { kind: 'end', at };
    if (PUNCTUATION.includes(c)) {
      this.#at++;
      return { kind: c as Punctuation, at };
    }
    if (c === '"') return { kind: 'string', text: this.#quoted(at), at };
    if (c === ':') {
      this.#at++;
      const name = this.#take(IDENTIFIER)?.[0];
      if (name === undefined) throw new SyntaxFault('a tag needs a name after its colon', at);
      return { kind: 'tag', text: name.toLowerCase(), at };
    }
    const number = this.#take(NUMBER);
    if (number !== undefined) return { kind: 'number', value: this.#number(number, at), at };
    const opening = this.#take(MULTI_LINE);
    if (opening !== undefined) return { kind: 'string', text: this.#multiLine(at), at };
    const identifier = this.#take(IDENTIFIER)?.[0];
    if (identifier !== undefined) return { kind: 'identifier', text: identifier.toLowerCase(), at };
    throw new SyntaxFault(`unexpected character ${JSON.stringify(c)}`, at);
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null || match[0] === '') return undefined;
    this.#at += match[0].length;
    return match;
  }

  #skipWhiteSpace(): void {
    for (;;) {
      this.#take(BLANKS);
      if (this.#take(HASH_COMMENT) !== undefined) continue;
      if (!this.#text.startsWith('/*', this.#at)) return;
      const end = this.#text.indexOf('*/', this.#at + 2);
      if (end < 0) throw new SyntaxFault('this comment is never closed', this.#position(this.#at));
      this.#at = end + 2;
    }
  }

  #number(match: RegExpExecArray, at: Position): number {
    const value = Number(match[1]) * (QUANTIFIERS[(match[2] as string).toLowerCase()] as number);
    if (!Number.isSafeInteger(value)) throw new SyntaxFault('this number is too large', at);
    // RFC 5228 §8.1: whitespace separates a number from what follows.
    if (/[A-Za-z0-9_]/.test(this.#text[this.#at] ?? '')) throw new SyntaxFault('not a number', at);
    return value;
  }

  /** RFC 5228 §2.4.2: a backslash before any other character than quote and backslash is dropped. */
  #quoted(at: Position): string {
    let out = '';
    for (this.#at++; ; ) {
      out += this.#take(QUOTED_RUN)?.[0] ?? '';
      const c = this.#text[this.#at];
      if (c === undefined) throw new SyntaxFault('this string is never closed', at);
      this.#at++;
      if (c === '"') break;
      const escaped = this.#text[this.#at];
      if (escaped === undefined) throw new SyntaxFault('this string is never closed', at);
      out += escaped;
      this.#at++;
    }
    return this.#withoutNul(out, at);
  }

  #multiLine(at: Position): string {
    const text = this.#text;
    let out = '';
    for (;;) {
      const found = text.indexOf('\n', this.#at);
      const lineEnd = found < 0 ? text.length : found;
      const line = text.slice(this.#at, lineEnd);
      this.#at = Math.min(lineEnd + 1, text.length);
      if (line === '.' || line === '.\r') return this.#withoutNul(out, at);
      if (found < 0) throw new SyntaxFault('this text: is never ended by a line with a single dot', at);
      out += `${line.startsWith('.') ? line.slice(1) : line}\n`;
    }
  }

  #withoutNul(text: string, at: Position): string {
    if (text.includes('\0')) throw new SyntaxFault('a string may not contain NUL', at);
    return text;
  }

  #position(index: number): Position {
    for (;;) {
      const found = this.#text.indexOf('\n', this.#counted);
      if (found < 0 || found >= index) break;
      this.#line++;
      this.#counted = found + 1;
      this.#lineStart = this.#counted;
    }
    return { line: this.#line, column: index - this.#lineStart + 1 };
  }
}
