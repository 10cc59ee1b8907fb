import { type Address, type Mailbox, mailboxesOf, parseAddressList } from '@postern/shared/message/address.ts';
import { decodeByteString } from '@postern/shared/message/charset.ts';
import { decodeEncodedWords } from '@postern/shared/message/encoded-word.ts';
import { type FieldRange, fieldName, fieldValue, readHeader } from '@postern/shared/message/header.ts';
import type { MimePart } from '@postern/shared/message/mime-part.ts';
import { scanMessage } from '@postern/shared/message/mime-structure.ts';
import { ASCII_CASEMAP } from './comparator.ts';

/** Of one field, this much is read. */
const MAX_FIELD_OCTETS = 65_536;

/** A text of the message that tests compare; its case-folded form is made once, however many rules ask for it. */
export class Value {
  readonly text: string;
  #folded: string | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** By i;ascii-casemap, the comparator of most tests. */
  get folded(): string {
    this.#folded ??= ASCII_CASEMAP.fold(this.text);
    return this.#folded;
  }
}

/** One field: as it lies in the message, or as a script has added it (RFC 5293). */
export interface HeaderField {
  readonly lowerName: string;
  readonly range: FieldRange | undefined;
  readonly added: { readonly name: string; readonly text: string } | undefined;
}

/** The header of a message or of a part. Fields are decoded when they are asked for, and kept. */
export class Header {
  readonly #bytes: Buffer;
  #fields: readonly HeaderField[];
  #byName: Map<string, HeaderField[]> | undefined;
  readonly #values = new Map<HeaderField, Value>();
  readonly #mailboxes = new Map<HeaderField, readonly Mailbox[]>();
  readonly #bodyStart: number;
  readonly #start: number;
  edits = 0;

  constructor(bytes: Buffer, start: number, end: number) {
    const { fields, bodyStart } = readHeader(bytes, start, end);
    this.#bytes = bytes;
    this.#start = start;
    this.#bodyStart = bodyStart;
    this.#fields = fields.map((range) => ({
      lowerName: fieldName(bytes, range).toLowerCase(),
      range,
      added: undefined,
    }));
  }

  /** Fields of a name in lower case, in the order of the header. */
  named(lowerName: string): readonly HeaderField[] {
    if (this.#byName === undefined) {
      this.#byName = new Map();
      for (const field of this.#fields) {
        const list = this.#byName.get(field.lowerName);
        if (list === undefined) this.#byName.set(field.lowerName, [field]);
        else list.push(field);
      }
    }
    return this.#byName.get(lowerName) ?? NONE;
  }

  /** Unfolded, decoded (RFC 2047), without blanks around it (RFC 5228 §5.7). */
  valueOf(field: HeaderField): Value {
    let value = this.#values.get(field);
    if (value === undefined) {
      value = new Value(field.added?.text ?? decodeEncodedWords(this.raw(field)).trim());
      this.#values.set(field, value);
    }
    return value;
  }

  /** The value as a byte string, not decoded. */
  raw(field: HeaderField): string {
    if (field.added !== undefined) return Buffer.from(field.added.text).toString('latin1');
    return fieldValue(this.#bytes, field.range as FieldRange, MAX_FIELD_OCTETS);
  }

  /** The mailboxes of an address field, those in groups included (RFC 5228 §2.7.4). */
  mailboxesOf(field: HeaderField): readonly Mailbox[] {
    let mailboxes = this.#mailboxes.get(field);
    if (mailboxes === undefined) {
      const addresses: Address[] = parseAddressList(this.raw(field));
      mailboxes = mailboxesOf(addresses);
      this.#mailboxes.set(field, mailboxes);
    }
    return mailboxes;
  }

  /** The first value of a field, decoded; undefined when there is none. */
  first(lowerName: string): string | undefined {
    const [field] = this.named(lowerName);
    return field === undefined ? undefined : this.valueOf(field).text;
  }

  add(name: string, text: string, last: boolean): void {
    const field: HeaderField = { lowerName: name.toLowerCase(), range: undefined, added: { name, text } };
    this.#change(last ? [...this.#fields, field] : [field, ...this.#fields]);
  }

  remove(fields: ReadonlySet<HeaderField>): void {
    if (fields.size > 0) this.#change(this.#fields.filter((field) => !fields.has(field)));
  }

  /** The header as it is now, with its empty line. */
  render(write: (name: string, text: string) => string): Buffer {
    if (this.edits === 0) return this.#bytes.subarray(this.#start, this.#bodyStart);
    const pieces = this.#fields.map(({ range, added }) =>
      added !== undefined
        ? Buffer.from(write(added.name, added.text))
        : this.#bytes.subarray(range?.start, (range as FieldRange).end),
    );
    return Buffer.concat([...pieces, Buffer.from('\r\n')]);
  }

  #change(fields: readonly HeaderField[]): void {
    this.#fields = fields;
    this.#byName = undefined;
    this.edits++;
  }
}

const NONE: readonly HeaderField[] = [];

/** `local@domain` of a mailbox, as text. */
export function addressText({ localPart, domain }: Mailbox): string {
  return decodeByteString(domain === '' ? localPart : `${localPart}@${domain}`);
}

/** A MIME part and its own header. */
export class MessagePart {
  readonly mime: MimePart;
  readonly #bytes: Buffer;
  #header: Header | undefined;

  constructor(bytes: Buffer, mime: MimePart, header?: Header) {
    this.#bytes = bytes;
    this.mime = mime;
    this.#header = header;
  }

  get header(): Header {
    this.#header ??= new Header(this.#bytes, this.mime.headerStart, this.mime.bodyStart);
    return this.#header;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(this.mime.bodyStart, this.mime.bodyEnd);
  }

  get children(): MessagePart[] {
    return this.mime.children.map((child) => new MessagePart(this.#bytes, child));
  }
}

/** The message that a script looks at. Nothing is read before it is asked for. */
export class SieveMessage {
  readonly bytes: Buffer;
  /** Octets before these are trace fields that final delivery put there: tests of size leave them out. */
  readonly sizeBytes: number;
  #header: Header | undefined;
  #root: MessagePart | undefined;
  readonly #bodyTexts = new Map<string, readonly Value[]>();

  constructor(bytes: Buffer, sizeBytes: number = bytes.length) {
    this.bytes = bytes;
    this.sizeBytes = sizeBytes;
  }

  get header(): Header {
    this.#header ??= new Header(this.bytes, 0, this.bytes.length);
    return this.#header;
  }

  get root(): MessagePart {
    this.#root ??= new MessagePart(this.bytes, scanMessage(this.bytes).root, this.header);
    return this.#root;
  }

  /** What a test of the body found, by what it asked for: made once. */
  bodyTexts(question: string, make: () => readonly Value[]): readonly Value[] {
    let found = this.#bodyTexts.get(question);
    if (found === undefined) {
      found = make();
      this.#bodyTexts.set(question, found);
    }
    return found;
  }

  /** The message with the header that scripts have made of it; the same bytes when they changed nothing. */
  render(write: (name: string, text: string) => string): Buffer {
    if (this.#header === undefined || this.#header.edits === 0) return this.bytes;
    return Buffer.concat([this.#header.render(write), this.bytes.subarray(this.#bodyStart())]);
  }

  #bodyStart(): number {
    return readHeader(this.bytes, 0, this.bytes.length).bodyStart;
  }
}
