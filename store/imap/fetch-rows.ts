import { PIECE_BYTES } from '../connection/piece-writer.ts';
import type { FetchedMessage } from '../mailstore/mailstore.ts';
import { bodiesAtHand } from './bodies-at-hand.ts';
import { type BodySource, MAX_WHOLE_BYTES, storedBody, wholeBody } from './body-source.ts';
import { bodyFromBodyStructure } from './codec/body-from-bodystructure.ts';
import { formatDateTime } from './codec/date-time.ts';
import type { FetchAttribute } from './codec/fetch-attribute.ts';
import type { FieldSelection } from './codec/header-fields.ts';
import { beginMessage, writeFlags, writeModSeq } from './message-data.ts';
import { objectIdIn } from './object-id.ts';
import {
  isCached,
  isWhole,
  NO_OCTETS,
  readsBody,
  type SectionAttribute,
  sectionValue,
  selectionOf,
  type Value,
  valueAtHand,
  writeBinary,
  writeFields,
  writeStream,
  writeValue,
} from './section-values.ts';
import type { Session } from './session.ts';

/** Bodies read together: few round trips, bounded memory. */
const BODIES_BYTES = 4_194_304;

/** What is read of the texts that lie ready, without the message's own row. */
const TEXTS: ReadonlySet<FetchAttribute['kind']> = new Set([
  'flags',
  'uid',
  'modseq',
  'envelope',
  'bodystructure',
  'body',
]);

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
  const ready = new Map(sections.filter((each) => isWhole(cached, each)).map((each) => [each, selectionOf(each)]));
  const bodies = sections.length > cached.size;
  const structure = attributes.some((a) => a.kind === 'bodystructure' || a.kind === 'body');
  const asked = { attributes, sections: sections.filter((each) => !isWhole(cached, each)), ready, flagsAlso };
  const atHand = bodies && cached.size === 0 ? await bodiesAtHand(session, uids, attributes) : undefined;
  if (atHand !== undefined) return writePage(session, atHand, asked, bodies);
  const pages = session.mailstore.messages.fetch(view.mailboxId, uids, {
    envelope: attributes.some((a) => a.kind === 'envelope'),
    bodyStructure: structure,
    threadId: attributes.some((a) => a.kind === 'threadid'),
    preview: attributes.some((a) => a.kind === 'preview'),
    headerFields: cached.size > 0,
    textsAlone: attributes.every((a) => TEXTS.has(a.kind) || cached.has(a as SectionAttribute)),
    ...(bodies ? { body: 'small' as const } : {}),
  });
  let written = 0;
  for await (const page of pages) written += await writePage(session, page, asked, bodies);
  return written;
}

async function writePage(
  session: Session,
  page: readonly FetchedMessage[],
  asked: Asked,
  bodies: boolean,
): Promise<number> {
  const { out } = session;
  let written = 0;
  if (!bodies || page.every(hasBody)) {
    for (const message of page) {
      written +=
        writeReady(session, message, asked) ??
        (await writeWithSource(session, message, wholeBody(message.body ?? NO_OCTETS), asked));
      if (out.pendingBytes >= PIECE_BYTES) await session.flow();
    }
    return written;
  }
  for await (const [message, source] of withBodies(session, page)) {
    written += await writeWithSource(session, message, source, asked);
    if (out.pendingBytes >= PIECE_BYTES) await session.flow();
  }
  return written;
}

/** What a FETCH asks of each message. */
interface Asked {
  readonly attributes: readonly FetchAttribute[];
  /** Sections that are made before the row is begun. */
  readonly sections: readonly SectionAttribute[];
  /** Header fields that lie ready: their places are found while they are written. */
  readonly ready: ReadonlyMap<FetchAttribute, FieldSelection>;
  readonly flagsAlso: ReadonlySet<number>;
}

const NO_VALUES: ReadonlyMap<SectionAttribute, Value> = new Map();

/** The row of a message that need not be looked into, else undefined. Returns how many were written: none, if it is gone. */
function writeReady(session: Session, message: FetchedMessage, asked: Asked): 0 | 1 | undefined {
  const { sections, attributes, ready, flagsAlso } = asked;
  const sequence = session.selected.view.sequenceOf(message.uid);
  if (sequence === 0) return 0;
  let values = NO_VALUES;
  if (sections.length > 0) {
    const found = new Map<SectionAttribute, Value>();
    for (const section of sections) {
      const value = valueAtHand(section, message);
      if (value === undefined) return undefined;
      found.set(section, value);
    }
    values = found;
  }
  beginMessage(session, sequence);
  for (const [index, attribute] of attributes.entries()) {
    if (index > 0) session.out.text(' ');
    const selection = ready.get(attribute);
    if (selection === undefined) writeItem(session, message, sequence, attribute, values);
    else writeFields(session, attribute as SectionAttribute, selection, message);
  }
  endMessage(session, sequence, attributes, flagsAlso.has(message.uid));
  return 1;
}

/** The same where sections are taken from the octets. */
async function writeWithSource(
  session: Session,
  message: FetchedMessage,
  source: BodySource,
  asked: Asked,
): Promise<0 | 1> {
  const { sections, ready, attributes, flagsAlso } = asked;
  const values = new Map<SectionAttribute, Value>();
  for (const section of sections) {
    values.set(section, valueAtHand(section, message) ?? (await sectionValue(section, source)));
  }
  // Everything that can fail was read by now, but for streams: there only the end of the connection is left.
  const sequence = session.selected.view.sequenceOf(message.uid);
  if (sequence === 0) return 0;
  beginMessage(session, sequence);
  for (const [index, attribute] of attributes.entries()) {
    if (index > 0) session.out.text(' ');
    const value = attribute.kind === 'section' ? values.get(attribute) : undefined;
    const selection = ready.get(attribute);
    if (selection !== undefined) writeFields(session, attribute as SectionAttribute, selection, message);
    else if (attribute.kind === 'section' && value?.kind === 'stream') {
      session.out.text(attribute.label).text(' ');
      await writeStream(session, value);
    } else writeItem(session, message, sequence, attribute, values);
  }
  endMessage(session, sequence, attributes, flagsAlso.has(message.uid));
  return 1;
}

const hasBody = ({ body }: FetchedMessage): boolean => body !== undefined;

/** Each message with the source of its octets; what did not come with the page is read in groups. */
async function* withBodies(
  session: Session,
  page: readonly FetchedMessage[],
): AsyncGenerator<[FetchedMessage, BodySource]> {
  const { messages } = session.mailstore;
  const lacks = (message: FetchedMessage | undefined): message is FetchedMessage =>
    message !== undefined && message.body === undefined && message.sizeBytes <= MAX_WHOLE_BYTES;
  const bodies = new Map<number, Buffer>();
  for (const [index, message] of page.entries()) {
    if (lacks(message) && !bodies.has(message.uid)) {
      bodies.clear();
      const uids: number[] = [];
      let bytes = 0;
      for (let i = index; i < page.length && bytes < BODIES_BYTES; i += 1) {
        const next = page[i];
        if (!lacks(next)) continue;
        bytes += next.sizeBytes;
        uids.push(next.uid);
      }
      const wants = { body: true, pageSize: uids.length };
      for await (const read of messages.fetch(session.selected.view.mailboxId, uids, wants)) {
        for (const { uid, body } of read) if (body !== undefined) bodies.set(uid, body);
      }
    }
    const body = message.body ?? bodies.get(message.uid);
    yield [message, body === undefined ? storedBody(session.mailstore, message) : wholeBody(body)];
  }
}

function writeItem(
  session: Session,
  message: FetchedMessage,
  sequence: number,
  attribute: FetchAttribute,
  values: ReadonlyMap<SectionAttribute, Value>,
): void {
  const { out } = session;
  const { view } = session.selected;
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
      out.text(`EMAILID (${objectIdIn(session.selected.view, message.emailId)})`);
      break;
    case 'threadid':
      out.text(
        message.threadId === undefined
          ? 'THREADID NIL'
          : `THREADID (${objectIdIn(session.selected.view, message.threadId)})`,
      );
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
      writeValue(session, values.get(attribute));
      break;
  }
}

function endMessage(
  session: Session,
  sequence: number,
  attributes: readonly FetchAttribute[],
  flagsAlso: boolean,
): void {
  const { out } = session;
  const { view } = session.selected;
  if (flagsAlso) {
    const isAsked = (kind: FetchAttribute['kind']): boolean => attributes.some((a) => a.kind === kind);
    if (!isAsked('flags')) {
      out.text(' FLAGS ');
      writeFlags(out, view, sequence);
    }
    // RFC 7162 §3.2.4: \Seen that FETCH sets is a change like others.
    if (session.condstore && !isAsked('modseq')) {
      out.text(' ');
      writeModSeq(out, view, sequence);
    }
    if (session.condstore && !session.uidOnly && !isAsked('uid')) {
      out.text(' UID ').number(view.uidAt(sequence) ?? 0);
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
