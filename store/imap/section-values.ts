import type { FetchedMessage } from '../mailstore/mailstore.ts';
import { CACHED_HEADER_FIELDS } from '../mailstore/prepared-texts.ts';
import { type BodySource, decodedPart, sectionRange } from './body-source.ts';
import type { FetchAttribute } from './codec/fetch-attribute.ts';
import { FieldSelection } from './codec/header-fields.ts';
import { ConnectionGone } from './connection.ts';
import type { Session } from './session.ts';

/** What is read at once of a section too large to be held whole. */
const STREAM_BYTES = 262_144;
const EMPTY_LINE = '\r\n';
export const NO_OCTETS = Buffer.alloc(0);

export type SectionAttribute = FetchAttribute & { readonly kind: 'section' | 'binary' | 'binary-size' };

export const readsBody = (a: FetchAttribute): a is SectionAttribute =>
  a.kind === 'section' || a.kind === 'binary' || a.kind === 'binary-size';

/** Header fields of the message itself that lie ready beside it. */
export const isCached = ({ kind, section }: SectionAttribute): boolean =>
  kind === 'section' &&
  section.part.length === 0 &&
  section.text === 'HEADER.FIELDS' &&
  section.fields.every((name) => CACHED_HEADER_FIELDS.has(name.toLowerCase()));

/** Those of which all is wanted. */
export const isWhole = (cached: ReadonlySet<SectionAttribute>, attribute: SectionAttribute): boolean =>
  cached.has(attribute) && attribute.partial === undefined;

/** A section ready to be written: its octets, or where they are read while they are written. */
export type Value =
  | { readonly kind: 'nil' }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'stream'; readonly source: BodySource; readonly start: number; readonly end: number };

/** The value where the message need not be looked into: of header fields that lie ready, or of all its octets. */
export function valueAtHand(attribute: SectionAttribute, { headerFields, body }: FetchedMessage): Value | undefined {
  if (isCached(attribute)) return headerValueOf(attribute, headerFields ?? NO_OCTETS);
  const { section, partial } = attribute;
  if (section.part.length > 0 || section.text !== undefined) return undefined;
  if (body === undefined || body.length > STREAM_BYTES) return undefined;
  return { kind: 'bytes', bytes: partial ? body.subarray(partial.offset, partial.offset + partial.count) : body };
}

export async function sectionValue(attribute: SectionAttribute, source: BodySource): Promise<Value> {
  const { section, partial } = attribute;
  if (attribute.kind !== 'section') {
    const decoded = await decodedPart(source, section);
    if (decoded === undefined) return { kind: 'nil' };
    return {
      kind: 'bytes',
      bytes: partial ? decoded.subarray(partial.offset, partial.offset + partial.count) : decoded,
    };
  }
  const range = await sectionRange(source, section);
  if (range === undefined) return { kind: 'nil' };
  if (section.fields.length > 0) {
    return headerValueOf(attribute, await source.read(range.start, range.end));
  }
  // RFC 9051 §6.4.5: what lies beyond the end is cut; a start beyond it gives the empty string.
  const start = partial ? Math.min(range.start + partial.offset, range.end) : range.start;
  const end = partial ? Math.min(start + partial.count, range.end) : range.end;
  if (end - start > STREAM_BYTES) return { kind: 'stream', source, start, end };
  return { kind: 'bytes', bytes: await source.read(start, end) };
}

export const selectionOf = ({ section }: SectionAttribute): FieldSelection =>
  new FieldSelection(section.fields, section.text === 'HEADER.FIELDS.NOT');

export function headerValueOf(attribute: SectionAttribute, header: Buffer): Value {
  const { partial } = attribute;
  const fields = selectionOf(attribute).of(header);
  return { kind: 'bytes', bytes: partial ? fields.subarray(partial.offset, partial.offset + partial.count) : fields };
}

/** Start and end of each stretch of the message that is written just now. */
const ranges: number[] = [];

export function writeFields(
  { out }: Session,
  { label }: SectionAttribute,
  selection: FieldSelection,
  message: FetchedMessage,
): void {
  const header = message.headerFields ?? NO_OCTETS;
  const count = selection.rangesIn(header, ranges);
  let octets = EMPTY_LINE.length;
  for (let i = 0; i < count; i += 2) octets += (ranges[i + 1] as number) - (ranges[i] as number);
  out.text(label).text(' {').number(octets).text('}\r\n');
  for (let i = 0; i < count; i += 2) out.slice(header, ranges[i] as number, ranges[i + 1] as number);
  out.text(EMPTY_LINE);
}

/** RFC 3516 §4.3: literal8 where there is a NUL, so that a client need not look for one. */
export function writeBinary({ out }: Session, value: Value | undefined): void {
  if (value?.kind !== 'bytes') out.text('NIL');
  else if (value.bytes.includes(0)) out.literal8(value.bytes);
  else out.literal(value.bytes);
}

export function writeValue({ out }: Session, value: Value | undefined): void {
  if (value?.kind === 'bytes') out.literal(value.bytes);
  else out.text('NIL');
}

export async function writeStream(session: Session, value: Value & { readonly kind: 'stream' }): Promise<void> {
  const { out } = session;
  out.text(`{${value.end - value.start}}\r\n`);
  try {
    for (let at = value.start; at < value.end; ) {
      const bytes = await value.source.read(at, Math.min(at + STREAM_BYTES, value.end));
      if (bytes.length === 0) throw new Error('content ends before its size');
      out.bytes(bytes);
      at += bytes.length;
      await session.flow();
    }
  } catch (error) {
    // A literal was begun whose octets cannot be had: no later byte would be understood.
    if (!(error instanceof ConnectionGone))
      session.log.error({ event: 'body-unreadable', session: session.id, err: error });
    session.connection.destroy();
    throw new ConnectionGone();
  }
}
