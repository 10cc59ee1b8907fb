/**
 * Addresses of a header field (RFC 5322 §3.4, obsolete forms of §4.4 included), from and to byte strings. Encoded words in display names
 * are left as they are: ENVELOPE wants them raw.
 */

/** One mailbox. */
export interface Mailbox {
  readonly kind: 'mailbox';
  /** The display name, quotes taken off; of an address without one, its comment (`a@b (Name)`). */
  readonly name: string | undefined;
  /** The source route of RFC 5322 §4.4 (`@a,@b`), which nobody uses. */
  readonly route: string | undefined;
  readonly localPart: string;
  /** Empty if the address names none (`root`). */
  readonly domain: string;
}

/** A named group (RFC 5322 §3.4), which may be empty (`undisclosed-recipients:;`). */
export interface AddressGroup {
  readonly kind: 'group';
  readonly name: string;
  readonly members: readonly Mailbox[];
}

export type Address = Mailbox | AddressGroup;

/** Addresses beyond this number in one field are left out. */
export const MAX_ADDRESSES = 20_000;

/** Reads an address list; what cannot be understood is kept as well as it can be, and nothing throws. */
export function parseAddressList(value: string): Address[] {
  const reader = new AddressReader(value);
  const addresses: Address[] = [];
  let count = 0;
  while (!reader.atEnd && count < MAX_ADDRESSES) {
    const address = reader.address(true);
    if (!address) continue;
    addresses.push(address);
    count += address.kind === 'group' ? address.members.length + 1 : 1;
  }
  return addresses;
}

/** The mailboxes of a list, those in groups included. */
export function mailboxesOf(addresses: readonly Address[]): Mailbox[] {
  return addresses.flatMap((address) => (address.kind === 'group' ? address.members : [address]));
}

class AddressReader {
  readonly #text: string;
  #at = 0;
  #comment: string | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Reads up to and over the next comma (or the semicolon that ends a group, left in place within one). */
  address(mayBeGroup: boolean): Address | undefined {
    this.#comment = undefined;
    const words = this.#words(mayBeGroup ? '<,;:' : '<,;');
    const stop = this.#text[this.#at];
    if (stop === ':') {
      this.#at++;
      return { kind: 'group', name: joinPhrase(words), members: this.#groupMembers() };
    }
    if (stop === '<') {
      const mailbox = this.#angleAddress(joinPhrase(words));
      // Whatever stands behind the closing bracket belongs to nothing.
      this.#words(',;');
      this.#overSeparator(mayBeGroup);
      return mailbox;
    }
    this.#overSeparator(mayBeGroup);
    if (words.length === 0) return undefined;
    return withoutAngle(words, this.#comment);
  }

  #groupMembers(): Mailbox[] {
    const members: Mailbox[] = [];
    while (!this.atEnd && this.#text[this.#at] !== ';' && members.length < MAX_ADDRESSES) {
      const member = this.address(false);
      if (member?.kind === 'mailbox') members.push(member);
    }
    this.#words(';');
    this.#at++;
    // A comma usually follows the group.
    this.#skipBlanksAndComments();
    if (this.#text[this.#at] === ',') this.#at++;
    return members;
  }

  #overSeparator(outsideGroup: boolean): void {
    if (this.#text[this.#at] === ',' || (outsideGroup && this.#text[this.#at] === ';')) this.#at++;
  }

  #angleAddress(name: string): Mailbox {
    this.#at++;
    let words = this.#words('>,:;<');
    let route: string | undefined;
    // RFC 5322 §4.4: obs-route = *(CFWS / ",") "@" domain *("," …) ":"
    const start = words[0]?.text === '@';
    if (start) {
      let text = words.map((word) => word.text).join('');
      while (this.#text[this.#at] === ',') {
        this.#at++;
        text += `,${this.#words('>,:;<')
          .map((word) => word.text)
          .join('')}`;
      }
      if (this.#text[this.#at] === ':') {
        this.#at++;
        route = text;
        words = this.#words('>,;<');
      }
    }
    if (this.#text[this.#at] === '>') this.#at++;
    const { localPart, domain } = splitAtSign(words);
    return { kind: 'mailbox', name: name === '' ? this.#comment : name, route, localPart, domain };
  }

  /** The words up to one of the stop characters, which is left in place. */
  #words(stops: string): Word[] {
    const words: Word[] = [];
    let spaced = false;
    for (;;) {
      spaced = this.#skipBlanksAndComments() || spaced;
      const c = this.#text[this.#at];
      if (c === undefined || stops.includes(c)) return words;
      const word = c === '"' ? this.#quoted() : c === '[' ? this.#literal() : this.#atom(stops);
      words.push({ ...word, spaced });
      spaced = false;
    }
  }

  #skipBlanksAndComments(): boolean {
    const start = this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at];
      if (c === '(') this.#skipComment();
      else if (c !== ' ' && c !== '\t' && c !== '\r' && c !== '\n') break;
    }
    return this.#at > start;
  }

  #skipComment(): void {
    let depth = 0;
    let comment = '';
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at] as string;
      if (c === '\\') {
        comment += this.#text[++this.#at] ?? '';
        continue;
      }
      if (c === ')' && --depth === 0) break;
      if (depth > 0) comment += c;
      if (c === '(') depth++;
    }
    this.#comment ??= comment.trim();
  }

  #quoted(): Omit<Word, 'spaced'> {
    let text = '';
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at] as string;
      if (c === '"') break;
      text += c === '\\' ? (this.#text[++this.#at] ?? '') : c;
    }
    this.#at++;
    return { text, quoted: true };
  }

  #literal(): Omit<Word, 'spaced'> {
    const close = this.#text.indexOf(']', this.#at);
    const end = close < 0 ? this.#text.length : close + 1;
    const text = this.#text.slice(this.#at, end);
    this.#at = end;
    return { text, quoted: false };
  }

  #atom(stops: string): Omit<Word, 'spaced'> {
    const start = this.#at;
    if (this.#text[start] === '@') {
      this.#at++;
      return { text: '@', quoted: false };
    }
    // At least one character is taken, so that the reader always moves.
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at] as string;
      if (stops.includes(c) || ' \t\r\n("@['.includes(c)) break;
    }
    return { text: this.#text.slice(start, this.#at), quoted: false };
  }
}

interface Word {
  readonly text: string;
  readonly quoted: boolean;
  /** Blanks or a comment stand before it. */
  readonly spaced: boolean;
}

/** A display name: the words, with one space where blanks stood. */
function joinPhrase(words: readonly Word[]): string {
  return words.map((word, i) => (i > 0 && word.spaced ? ` ${word.text}` : word.text)).join('');
}

/** The last at sign outside quotes separates; blanks around dots and the at sign mean nothing (RFC 5322 §4.4). */
function splitAtSign(words: readonly Word[]): { localPart: string; domain: string } {
  const at = words.findLastIndex((word) => !word.quoted && word.text === '@');
  const join = (part: readonly Word[]): string => part.map((word) => word.text).join('');
  if (at < 0) return { localPart: join(words), domain: '' };
  return { localPart: join(words.slice(0, at)), domain: join(words.slice(at + 1)) };
}

function withoutAngle(words: readonly Word[], comment: string | undefined): Mailbox {
  return { kind: 'mailbox', name: comment, route: undefined, ...splitAtSign(words) };
}
