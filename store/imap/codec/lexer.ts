import type { Literal, Segment } from './command.ts';
import { decodeUtf8 } from './mailbox-name.ts';
import { isAstringChar, isAtomChar, isListChar, isQuotedChar, isTagChar } from './octets.ts';
import { parseSequenceSet, type SequenceSet } from './sequence-set.ts';

/** The command breaks the grammar: the session answers BAD with this text. */
export class CommandSyntaxError extends Error {}

/** Deepest nesting of parentheses, NOT and OR: more is refused, so that no command exhausts the stack. */
const MAX_DEPTH = 64;
/** RFC 9051 §9: number64 has 63 bits. */
const MAX_NUMBER64 = 2n ** 63n - 1n;

/**
 * Reads the arguments of one command, left to right, by the productions of RFC 9051 §9. Each method takes one
 * production or throws {@link CommandSyntaxError}. Strings are latin1 (one character an octet).
 */
export class ArgumentReader {
  readonly #segments: readonly Segment[];
  readonly #offers: (capability: string) => boolean;
  readonly #utf8: boolean;
  #segment = 0;
  #at = 0;
  #depth = 0;

  /**
   * @param offers whether a capability is on: what one that is off brings is no syntax
   * @param utf8 whether quoted strings are in UTF-8: IMAP4rev2 or UTF8=ACCEPT is enabled
   */
  constructor(segments: readonly Segment[], offers: (capability: string) => boolean = () => true, utf8 = false) {
    this.#segments = segments;
    this.#offers = offers;
    this.#utf8 = utf8;
  }

  /** Whether a capability is on, so that what it adds to the grammar may be read. */
  offers(capability: string): boolean {
    return this.#offers(capability);
  }

  /** Refuses what the capability would bring, where it is off. */
  require(capability: string, what: string): void {
    if (!this.#offers(capability)) this.fail(`unknown ${what}`);
  }

  get #text(): string {
    return this.#segments[this.#segment]?.text ?? '';
  }

  get #literal(): Literal | undefined {
    return this.#at === this.#text.length ? this.#segments[this.#segment]?.literal : undefined;
  }

  /** Whether nothing is left. */
  get atEnd(): boolean {
    return this.#at === this.#text.length && this.#literal === undefined;
  }

  /** The octet that comes next, without taking it; the empty string at the end and before a literal. */
  peek(): string {
    return this.#text.charAt(this.#at);
  }

  /** Whether this text comes next, in any case. */
  peekText(text: string): boolean {
    const next = this.#text.slice(this.#at, this.#at + text.length);
    return next === text || next.toUpperCase() === text.toUpperCase();
  }

  /** Takes the text if it comes next, in any case. */
  take(text: string): boolean {
    if (!this.peekText(text)) return false;
    this.#at += text.length;
    return true;
  }

  expect(text: string): void {
    if (!this.take(text)) this.fail(`expected ${text === ' ' ? 'a space' : text}`);
  }

  space(): void {
    this.expect(' ');
  }

  end(): void {
    if (!this.atEnd) this.fail('unexpected text at the end');
  }

  fail(why: string): never {
    throw new CommandSyntaxError(why);
  }

  tag(): string {
    return this.#while(isTagChar, 'tag');
  }

  atom(): string {
    return this.#while(isAtomChar, 'atom');
  }

  /** A keyword of the protocol, upper-cased: a command, a search key, an option. */
  keyword(): string {
    return this.atom().toUpperCase();
  }

  #while(member: (code: number) => boolean, what: string): string {
    const text = this.#text;
    const start = this.#at;
    while (this.#at < text.length && member(text.charCodeAt(this.#at))) this.#at += 1;
    if (this.#at === start) this.fail(`expected ${what}`);
    return text.slice(start, this.#at);
  }

  /** The letters, digits and points that come next, upper-cased; there may be none. */
  wordWithPoints(): string {
    const word = /^[A-Za-z0-9.]*/.exec(this.#text.slice(this.#at))?.[0] ?? '';
    this.#at += word.length;
    return word.toUpperCase();
  }

  /** The digits that come next, as a number up to `max`. */
  number(max = 0xffffffff): number {
    const value = this.number64();
    if (value > max) this.fail('number too large');
    return value;
  }

  nzNumber(max = 0xffffffff): number {
    const value = this.number(max);
    if (value === 0) this.fail('expected a number above zero');
    return value;
  }

  /**
   * RFC 9051 §9 number64, RFC 7162 §7 mod-sequence-value: up to 63 bits. What JavaScript does not count exactly becomes its
   * largest exact number: no size, offset or mod-sequence of ours is above that, so each comparison comes out as it would.
   */
  number64(): number {
    const digits = /^\d{1,19}(?!\d)/.exec(this.#text.slice(this.#at, this.#at + 20))?.[0];
    if (digits === undefined) this.fail(/\d/.test(this.peek()) ? 'number too large' : 'expected a number');
    if (digits.length === 19 && BigInt(digits) > MAX_NUMBER64) this.fail('number too large');
    this.#at += digits.length;
    return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
  }

  #quoted(): string {
    this.expect('"');
    const text = this.#text;
    let out = '';
    let start = this.#at;
    for (;;) {
      if (this.#at >= text.length) this.fail('quoted string without its end');
      const code = text.charCodeAt(this.#at);
      if (code === 0x22) break;
      if (code === 0x5c) {
        const escaped = text.charAt(this.#at + 1);
        if (escaped !== '"' && escaped !== '\\') this.fail('bad escape in a quoted string');
        out += text.slice(start, this.#at) + escaped;
        this.#at += 2;
        start = this.#at;
      } else {
        if (!isQuotedChar(code)) this.fail('bad character in a quoted string');
        this.#at += 1;
      }
    }
    out += text.slice(start, this.#at);
    this.#at += 1;
    // RFC 6855 §3: BAD for octets above ASCII that are not UTF-8.
    if (this.#utf8 && decodeUtf8(out) === undefined) this.fail('a quoted string that is not UTF-8');
    return out;
  }

  /** Whether a literal comes next. */
  get atLiteral(): boolean {
    return this.#literal !== undefined;
  }

  /** A literal's bytes as they came. */
  literal(): Literal {
    const literal = this.#literal;
    if (literal === undefined) this.fail('expected a literal');
    this.#segment += 1;
    this.#at = 0;
    return literal;
  }

  /** RFC 9051 §9 string: quoted or literal; a literal in place of text may not hold NUL. */
  string(): string {
    if (this.peek() === '"') return this.#quoted();
    if (!this.atLiteral) this.fail('expected a string');
    const { bytes } = this.literal();
    if (bytes.includes(0)) this.fail('NUL in a string');
    return bytes.toString('latin1');
  }

  astring(): string {
    return this.peek() === '"' || this.atLiteral ? this.string() : this.#while(isAstringChar, 'astring');
  }

  /** RFC 9051 §9 list-mailbox: an astring in which % and * are wild. */
  listMailbox(): string {
    return this.peek() === '"' || this.atLiteral ? this.string() : this.#while(isListChar, 'mailbox pattern');
  }

  nstring(): string | undefined {
    if (this.peek() === '"' || this.atLiteral) return this.string();
    this.expect('NIL');
    return undefined;
  }

  /** `(item item …)`, `()` included unless `atLeastOne`. */
  list<T>(item: () => T, atLeastOne = false): T[] {
    this.expect('(');
    const out: T[] = [];
    if (this.take(')')) return atLeastOne ? this.fail('empty list') : out;
    for (;;) {
      out.push(this.nested(item));
      if (this.take(')')) return out;
      this.space();
    }
  }

  /** Runs a production one level deeper; too deep is refused. */
  nested<T>(production: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.fail('nested too deeply');
    const value = production();
    this.#depth -= 1;
    return value;
  }

  /** RFC 9051 §9 flag: `\Name` or a keyword. */
  flag(): string {
    return this.take('\\') ? `\\${this.atom()}` : this.atom();
  }

  sequenceSet(): SequenceSet {
    const text = /^[\d:,*$]*/.exec(this.#text.slice(this.#at))?.[0] ?? '';
    const set = parseSequenceSet(text);
    if (set === undefined) this.fail('bad sequence set');
    if (set.saved) this.require('SEARCHRES', 'sequence set $');
    this.#at += text.length;
    return set;
  }
}
