import type { FetchedMessage } from '../mailstore/mailstore.ts';
import { CACHED_HEADER_FIELDS } from '../mailstore/prepared-texts.ts';
import { type BodySource, decodedPart, MAX_WHOLE_BYTES, sectionRange, storedBody, wholeBody } from './body-source.ts';
import { bodyFromBodyStructure } from './codec/body-from-bodystructure.ts';
import { formatDateTime } from './codec/date-time.ts';
import type { FetchAttribute } from './codec/fetch-attribute.ts';
import { selectHeaderFields } from './codec/header-fields.ts';
import { ConnectionGone } from './connection.ts';
import { beginMessage, writeFlags, writeModSeq } from './message-data.ts';
import type { Session } from './session.ts';

/** Bodies read together: few round trips, bounded memory. */
const BODIES_BYTES = 4_194_304;
/** What is read at once of a section too large to be held whole. */
const STREAM_BYTES = 262_144;
const META_PAGE = 200;

type SectionAttribute = FetchAttribute & { readonly kind: 'section' | 'binary' | 'binary-size' };

const readsBody = (a: FetchAttribute): a is SectionAttribute =>
  a.kind === 'section' || a.kind === 'binary' || a.kind === 'binary-size';

/** Header fields of the message itself that lie ready beside it. */
const isCached = ({ kind, section }: SectionAttribute): boolean =>
  kind === 'section' &&
  section.part.length === 0 &&
  section.text === 'HEADER.FIELDS' &&
  section.fields.every((name) => CACHED_HEADER_FIELDS.has(name.toLowerCase()));

/** What is read of the texts that lie ready, without the message's own row. */
const TEXTS: ReadonlySet<FetchAttribute['kind']> = new Set([
  'flags',
  'uid',
  'modseq',
  'envelope',
  'bodystructure',
  'body',
]);

/** A section ready to be written: its octets, or where they are read while they are written. */
type Value =
  | { readonly kind: 'nil' }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'stream'; readonly source: BodySource; readonly start: number; readonly end: number };

/**
 * Writes the FETCH responses of these messages, in order of UID, page by page, waiting for the client in between.
 * Messages that were expunged meanwhile have none. Returns how many were written.
 *
 * @param flagsAlso UIDs whose FLAGS are told though not asked for: \Seen was set
 */
export async function writeFetchRows(
  session: Session,
  uids: readonly number[],
  attributes: readonly FetchAttribute[],
  flagsAlso: ReadonlySet<number>,
): Promise<number> {
  const { view } = session.selected;
  const sections = attributes.filter(readsBody);
  const cached = new Set(sections.filter(isCached));
  const bodies = sections.length > cached.size;
  const structure = attributes.some((a) => a.kind === 'bodystructure' || a.kind === 'body');
  const pages = session.mailstore.messages.fetch(view.mailboxId, uids, {
    envelope: attributes.some((a) => a.kind === 'envelope'),
    bodyStructure: structure,
    threadId: attributes.some((a) => a.kind === 'threadid'),
    preview: attributes.some((a) => a.kind === 'preview'),
    headerFields: cached.size > 0,
    textsAlone: attributes.every((a) => TEXTS.has(a.kind) || cached.has(a as SectionAttribute)),
    ...(bodies ? { pageSize: META_PAGE } : {}),
  });
  let written = 0;
  for await (const page of pages) {
    for await (const [message, source] of withBodies(session, page, bodies)) {
      const values = new Map<SectionAttribute, Value>();
      for (const section of sections) {
        const value = cached.has(section)
          ? headerValueOf(section, message.headerFields ?? Buffer.alloc(0))
          : await sectionValue(section, source);
        values.set(section, value);
      }
      await writeRow(session, message, attributes, values, flagsAlso.has(message.uid));
      written += 1;
      await session.flow();
    }
  }
  return written;
}

/** Each message with the source of its octets; small ones are read in groups. */
async function* withBodies(
  session: Session,
  page: readonly FetchedMessage[],
  wanted: boolean,
): AsyncGenerator<[FetchedMessage, BodySource]> {
  const { messages } = session.mailstore;
  let from = 0;
  while (from < page.length) {
    let to = from;
    let bytes = 0;
    while (wanted && to < page.length && (page[to]?.sizeBytes ?? 0) <= MAX_WHOLE_BYTES && bytes < BODIES_BYTES) {
      bytes += page[to]?.sizeBytes ?? 0;
      to += 1;
    }
    const group = page.slice(from, to);
    const bodies = new Map<number, Buffer>();
    if (group.length > 0) {
      const uids = group.map((message) => message.uid);
      const wants = { body: true, pageSize: uids.length };
      for await (const read of messages.fetch(session.selected.view.mailboxId, uids, wants)) {
        for (const message of read) if (message.body !== undefined) bodies.set(message.uid, message.body);
      }
    }
    for (const message of group) {
      const body = bodies.get(message.uid);
      yield [message, body === undefined ? storedBody(session.mailstore, message) : wholeBody(body)];
    }
    const large = page[to];
    if (large !== undefined && (!wanted || large.sizeBytes > MAX_WHOLE_BYTES)) {
      yield [large, storedBody(session.mailstore, large)];
      to += 1;
    }
    from = to;
  }
}

async function sectionValue(attribute: SectionAttribute, source: BodySource): Promise<Value> {
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

function headerValueOf({ section, partial }: SectionAttribute, header: Buffer): Value {
  const fields = selectHeaderFields(header, section.fields, section.text === 'HEADER.FIELDS.NOT');
  return { kind: 'bytes', bytes: partial ? fields.subarray(partial.offset, partial.offset + partial.count) : fields };
}

/** Everything that can fail was read before, but for streams: there only the end of the connection is left. */
async function writeRow(
  session: Session,
  message: FetchedMessage,
  attributes: readonly FetchAttribute[],
  values: ReadonlyMap<SectionAttribute, Value>,
  flagsAlso: boolean,
): Promise<void> {
  const { out } = session;
  const { view } = session.selected;
  const sequence = view.sequenceOf(message.uid);
  if (sequence === 0) return;
  beginMessage(session, sequence);
  let first = true;
  for (const attribute of attributes) {
    if (!first) out.text(' ');
    first = false;
    switch (attribute.kind) {
      case 'flags':
        out.text('FLAGS ');
        writeFlags(out, view, sequence);
        break;
      case 'uid':
        out.text('UID ').number(message.uid);
        break;
      case 'modseq':
        writeModSeq(out, view, sequence);
        break;
      case 'internaldate':
        out.text(`INTERNALDATE "${formatDateTime(message.internalDateMs)}"`);
        break;
      case 'size':
        out.text('RFC822.SIZE ').number(message.sizeBytes);
        break;
      case 'envelope':
        out.text('ENVELOPE ').bytes(message.envelope ?? Buffer.from('NIL'));
        break;
      case 'bodystructure':
        out.text('BODYSTRUCTURE ').bytes(message.bodyStructure ?? Buffer.from('NIL'));
        break;
      case 'body':
        out.text('BODY ').bytes(bodyFromBodyStructure(message.bodyStructure ?? Buffer.from('NIL')));
        break;
      case 'emailid':
        out.text(`EMAILID (${message.emailId})`);
        break;
      case 'threadid':
        out.text(message.threadId === undefined ? 'THREADID NIL' : `THREADID (${message.threadId})`);
        break;
      case 'savedate':
        out.text(`SAVEDATE "${formatDateTime(message.saveDateMs)}"`);
        break;
      case 'preview':
        out.text('PREVIEW ');
        writePreview(session, message.preview ?? '');
        break;
      case 'binary':
        out.text(attribute.label).text(' ');
        writeBinary(session, values.get(attribute));
        break;
      case 'binary-size': {
        const value = values.get(attribute);
        out.text(attribute.label).text(' ');
        out.number(value?.kind === 'bytes' ? value.bytes.length : 0);
        break;
      }
      case 'section':
        out.text(attribute.label).text(' ');
        await writeValue(session, values.get(attribute) ?? { kind: 'nil' });
        break;
    }
  }
  if (flagsAlso && !attributes.some((a) => a.kind === 'flags')) {
    out.text(' FLAGS ');
    writeFlags(out, view, sequence);
    // RFC 7162 §3.1.4: \Seen that FETCH sets is a change like others.
    if (session.condstore && !attributes.some((a) => a.kind === 'modseq')) {
      out.text(' ');
      writeModSeq(out, view, sequence);
    }
  }
  out.text(')\r\n');
}

/** RFC 8970 §3.3: UTF-8, whatever the session has enabled; a literal holds it for all. */
function writePreview(session: Session, preview: string): void {
  if (/^[\x20-\x7e]*$/.test(preview)) session.out.string(preview);
  else if (session.utf8) session.out.utf8String(preview);
  else session.out.literal(Buffer.from(preview));
}

/** RFC 3516 §4.3: literal8 where there is a NUL, so that a client need not look for one. */
function writeBinary({ out }: Session, value: Value | undefined): void {
  if (value?.kind !== 'bytes') out.text('NIL');
  else if (value.bytes.includes(0)) out.literal8(value.bytes);
  else out.literal(value.bytes);
}

async function writeValue(session: Session, value: Value): Promise<void> {
  const { out } = session;
  if (value.kind === 'nil') {
    out.text('NIL');
    return;
  }
  if (value.kind === 'bytes') {
    out.literal(value.bytes);
    return;
  }
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
