import type { Parameter } from './content-fields.ts';
import {
  DEFAULT_CONTENT_TYPE,
  parseContentType,
  parseDisposition,
  parseEncoding,
  parseLanguages,
  rawParameter,
} from './content-fields.ts';
import { type FieldRange, fieldValue, hasName, readHeader, trimBlanks } from './header.ts';
import type { MimePart, PartOffsets, ScannedMessage } from './mime-part.ts';

export type { MimePart, PartOffsets, ScannedMessage } from './mime-part.ts';
export { packParts, unpackParts } from './packed-parts.ts';
export { partRange } from './part-range.ts';

/** Multiparts and messages nested deeper are shown as application/octet-stream. */
export const MAX_NESTING = 100;
/** Parts beyond this number are left inside the last one. */
export const MAX_PARTS = 10_000;
/** Of a Content-… field, this much is read. */
const MAX_CONTENT_FIELD_OCTETS = 16_384;

const LF = 10;
const CR = 13;
const DASH = 45;
const LINE_START_DASHES = Buffer.from('\n--');

type OpenPart = { -readonly [K in keyof MimePart]: MimePart[K] } & { children: OpenPart[] };

/** A multipart that waits for its next delimiter. */
interface OpenMultipart {
  /** Its place among the open parts. */
  readonly level: number;
  readonly boundary: string;
  /** An enclosing multipart with the same boundary, which comes back when this one closes. */
  readonly shadowed: OpenMultipart | undefined;
}

/**
 * Finds all parts of a message in one pass (linear in its size, whatever it contains). Broken MIME never throws: a missing end delimiter ends
 * with what encloses it, a multipart without a boundary is text/plain, one without parts gets an empty text/plain part.
 */
export function scanMessage(bytes: Buffer): ScannedMessage {
  return new Scanner(bytes).scan();
}

class Scanner {
  readonly #bytes: Buffer;
  /** From the root to the part whose body is being read. */
  readonly #open: OpenPart[] = [];
  /** The multiparts among them that can still get parts, innermost last. */
  readonly #multiparts: OpenMultipart[] = [];
  readonly #byBoundary = new Map<string, OpenMultipart>();
  readonly #counted: OpenPart[] = [];
  #longestBoundary = 0;
  #parts = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  scan(): ScannedMessage {
    let position = this.#enter(0, true, undefined);
    const root = this.#open[0] as OpenPart;
    while (this.#multiparts.length > 0 && this.#parts < MAX_PARTS) {
      const delimiter = this.#nextDelimiter(position);
      if (delimiter === undefined) break;
      const { start, multipart, closes } = delimiter;
      this.#closeAbove(multipart.level, this.#withoutLineEnd(start));
      position = this.#lineAfter(start);
      if (closes) this.#popMultipart();
      else position = this.#enter(position, false, this.#open[multipart.level]);
    }
    this.#closeAbove(-1, this.#bytes.length);
    countLines(this.#bytes, this.#counted);
    return { bytes: this.#bytes, root };
  }

  /** Opens the part whose header starts here, and the message it encloses, and so on; returns where its body starts. */
  #enter(start: number, isMessage: boolean, parent: OpenPart | undefined): number {
    let headerStart = start;
    let asMessage = isMessage;
    let container = parent;
    for (;;) {
      this.#parts++;
      const part = this.#readPart(headerStart, asMessage, container);
      container?.children.push(part);
      this.#open.push(part);
      if (part.kind === 'multipart') this.#pushMultipart(part);
      if (part.kind !== 'message') return part.bodyStart;
      headerStart = part.bodyStart;
      asMessage = true;
      container = part;
    }
  }

  #readPart(headerStart: number, isMessage: boolean, container: OpenPart | undefined): OpenPart {
    const bytes = this.#bytes;
    const { fields, bodyStart } = readHeader(
      bytes,
      headerStart,
      bytes.length,
      (position) => this.#delimiterAt(position) !== undefined,
    );
    const content = readContentFields(bytes, fields);
    const declared = content.type === undefined ? undefined : parseContentType(content.type);
    // RFC 2046 §5.1.5: in a digest, a part that says nothing is a message.
    const inDigest = !isMessage && container?.type === 'multipart' && container.subtype === 'digest';
    const media =
      declared ??
      (inDigest && content.type === undefined
        ? { type: 'message', subtype: 'rfc822', params: [] }
        : DEFAULT_CONTENT_TYPE);
    const { kind, type, subtype, params } = this.#kindOf(media);
    const part: OpenPart = {
      kind,
      headerStart,
      bodyStart,
      bodyEnd: bodyStart,
      lines: 0,
      type,
      subtype,
      params,
      id: content.id,
      description: content.description,
      encoding: (content.encoding === undefined ? undefined : parseEncoding(content.encoding)) ?? '7bit',
      disposition: content.disposition === undefined ? undefined : parseDisposition(content.disposition),
      languages: content.language === undefined ? [] : parseLanguages(content.language),
      location: content.location,
      md5: content.md5,
      fields: isMessage ? fields : [],
      children: [],
    };
    if (type === 'text' || kind === 'message') this.#counted.push(part);
    return part;
  }

  #kindOf(media: { type: string; subtype: string; params: readonly Parameter[] }): {
    kind: PartOffsets['kind'];
    type: string;
    subtype: string;
    params: readonly Parameter[];
  } {
    const { type, subtype, params } = media;
    const isMultipart = type === 'multipart';
    // RFC 9051 §7.5.2 counts message/global among the messages.
    const isMessage = type === 'message' && (subtype === 'rfc822' || subtype === 'global');
    if (!isMultipart && !isMessage) return { kind: 'leaf', type, subtype, params };
    if (this.#open.length >= MAX_NESTING || this.#parts >= MAX_PARTS) {
      return { kind: 'leaf', type: 'application', subtype: 'octet-stream', params: [] };
    }
    if (isMessage) return { kind: 'message', type, subtype, params };
    if (boundaryOf(params) === '') return { kind: 'leaf', ...DEFAULT_CONTENT_TYPE };
    return { kind: 'multipart', type, subtype, params };
  }

  #pushMultipart(part: OpenPart): void {
    const boundary = boundaryOf(part.params);
    const multipart = { level: this.#open.length - 1, boundary, shadowed: this.#byBoundary.get(boundary) };
    this.#multiparts.push(multipart);
    this.#byBoundary.set(boundary, multipart);
    this.#longestBoundary = Math.max(this.#longestBoundary, boundary.length);
  }

  #popMultipart(): void {
    const closed = this.#multiparts.pop() as OpenMultipart;
    if (closed.shadowed) this.#byBoundary.set(closed.boundary, closed.shadowed);
    else this.#byBoundary.delete(closed.boundary);
  }

  /** Ends all open parts above this level; an outer delimiter ends what lies inside (RFC 2046 §5.1.2). */
  #closeAbove(level: number, end: number): void {
    while (this.#open.length > level + 1) {
      const part = this.#open.pop() as OpenPart;
      part.bodyEnd = Math.max(end, part.bodyStart);
      if (part.kind === 'multipart' && part.children.length === 0) part.children.push(emptyPart(part.bodyEnd));
    }
    while ((this.#multiparts.at(-1)?.level ?? -1) > level) this.#popMultipart();
  }

  #nextDelimiter(from: number): Delimiter | undefined {
    const bytes = this.#bytes;
    if (bytes[from] === DASH && bytes[from + 1] === DASH) {
      const found = this.#delimiterAt(from);
      if (found) return found;
    }
    let at = bytes.indexOf(LINE_START_DASHES, from);
    while (at >= 0) {
      const found = this.#delimiterAt(at + 1);
      if (found) return found;
      at = bytes.indexOf(LINE_START_DASHES, at + 1);
    }
    return undefined;
  }

  /**
   * The delimiter that the line at this position is, if it is one: `--boundary`, `--` at the end if it closes, blanks after it
   * (RFC 2046 §5.1.1). The whole line must match: of two boundaries, one may be the beginning of the other.
   */
  #delimiterAt(start: number): Delimiter | undefined {
    if (this.#byBoundary.size === 0) return undefined;
    const bytes = this.#bytes;
    const found = bytes.indexOf(LF, start);
    const lineEnd = found < 0 ? bytes.length : found;
    if (lineEnd - start > this.#longestBoundary + MAX_PADDING) return undefined;
    const line = trimBlanks(bytes.toString('latin1', start + 2, lineEnd));
    const opens = this.#byBoundary.get(line);
    if (opens) return { start, multipart: opens, closes: false };
    const closes = line.endsWith('--') ? this.#byBoundary.get(line.slice(0, -2)) : undefined;
    return closes && { start, multipart: closes, closes: true };
  }

  #withoutLineEnd(lineStart: number): number {
    if (this.#bytes[lineStart - 1] !== LF) return lineStart;
    return this.#bytes[lineStart - 2] === CR ? lineStart - 2 : lineStart - 1;
  }

  #lineAfter(start: number): number {
    const lineEnd = this.#bytes.indexOf(LF, start);
    return lineEnd < 0 ? this.#bytes.length : lineEnd + 1;
  }
}

interface Delimiter {
  readonly start: number;
  readonly multipart: OpenMultipart;
  readonly closes: boolean;
}

/** Blanks after a delimiter, the closing dashes and the line end among them, that are still accepted. */
const MAX_PADDING = 80;
const MAX_BOUNDARY_LENGTH = 1_000;

function boundaryOf(params: readonly Parameter[]): string {
  const boundary = rawParameter(params, 'boundary')?.trimEnd() ?? '';
  return boundary.length > MAX_BOUNDARY_LENGTH ? '' : boundary;
}

const CONTENT_FIELDS = {
  'content-type': 'type',
  'content-transfer-encoding': 'encoding',
  'content-id': 'id',
  'content-description': 'description',
  'content-disposition': 'disposition',
  'content-language': 'language',
  'content-location': 'location',
  'content-md5': 'md5',
} as const;

const CONTENT_FIELD_NAMES = Object.keys(CONTENT_FIELDS) as (keyof typeof CONTENT_FIELDS)[];

type ContentHeader = { [K in (typeof CONTENT_FIELDS)[keyof typeof CONTENT_FIELDS]]?: string };

/** The Content-… fields (RFC 2045 §3); of two with the same name the first one counts. */
function readContentFields(bytes: Buffer, fields: readonly FieldRange[]): ContentHeader {
  const content: ContentHeader = {};
  for (const field of fields) {
    // All of them start with "Content-".
    if (bytes[field.start + 7] !== DASH) continue;
    const name = CONTENT_FIELD_NAMES.find((candidate) => hasName(bytes, field, candidate));
    if (name) content[CONTENT_FIELDS[name]] ??= fieldValue(bytes, field, MAX_CONTENT_FIELD_OCTETS);
  }
  return content;
}

/** RFC 2046 §5.1: a multipart has at least one part. */
function emptyPart(at: number): OpenPart {
  return {
    kind: 'leaf',
    headerStart: at,
    bodyStart: at,
    bodyEnd: at,
    lines: 0,
    ...DEFAULT_CONTENT_TYPE,
    id: undefined,
    description: undefined,
    encoding: '7bit',
    disposition: undefined,
    languages: [],
    location: undefined,
    md5: undefined,
    fields: [],
    children: [],
  };
}

/** Counts the line feeds of many parts, nested ones included, in one pass over the bytes that they cover. */
function countLines(bytes: Buffer, parts: readonly OpenPart[]): void {
  const marks = parts.flatMap((part) => [
    { at: part.bodyStart, part, sign: 1 },
    { at: part.bodyEnd, part, sign: -1 },
  ]);
  marks.sort((a, b) => a.at - b.at || b.sign - a.sign);
  let covering = 0;
  let lines = 0;
  let position = 0;
  for (const { at, part, sign } of marks) {
    if (covering > 0) for (; position < at; position++) if (bytes[position] === LF) lines++;
    position = at;
    covering += sign;
    part.lines -= sign * lines;
  }
}
