import { parseEncoding } from '@postern/shared/message/content-fields.ts';
import { headerValue, readHeader } from '@postern/shared/message/header.ts';
import { type PartOffsets, partRange, scanMessage } from '@postern/shared/message/mime-structure.ts';
import { findPart } from '@postern/shared/message/part-range.ts';
import { decodeTransfer } from '@postern/shared/message/transfer-encoding.ts';
import type { FetchedMessage, Mailstore } from '../mailstore/mailstore.ts';
import type { Section } from './codec/fetch-attribute.ts';

/** Messages above this are not held in memory whole: their sections are read range by range. */
export const MAX_WHOLE_BYTES = 1_048_576;

/** Where the octets of one message come from. */
export interface BodySource {
  readonly sizeBytes: number;
  /** Octets from `start` up to `end`. */
  read(start: number, end: number): Promise<Buffer>;
  /** Where each part lies; undefined when the content is gone. */
  parts(): Promise<PartOffsets | undefined>;
}

/** The message lies in memory. */
export function wholeBody(bytes: Buffer): BodySource {
  let root: PartOffsets | undefined;
  return {
    sizeBytes: bytes.length,
    async read(start, end) {
      return bytes.subarray(start, end);
    },
    async parts() {
      root ??= scanMessage(bytes).root;
      return root;
    },
  };
}

/** The message is read from the store as far as it is wanted. */
export function storedBody(mailstore: Mailstore, message: FetchedMessage): BodySource {
  return {
    sizeBytes: message.sizeBytes,
    read: (start, end) => mailstore.messages.readBody(message.contentId, start, end),
    async parts() {
      return (await mailstore.messages.structure(message.contentId))?.root;
    },
  };
}

/** The transfer encoding of a part is not known, so that it cannot be taken off (RFC 3516 §4.3). */
export class UnknownTransferEncoding extends Error {
  override readonly name = 'UnknownTransferEncoding';
}

/**
 * A part without its transfer encoding (RFC 3516 §4.3); undefined if the message has no such part. The message itself, and
 * parts that hold others, have none to take off.
 */
export async function decodedPart(source: BodySource, section: Section): Promise<Buffer | undefined> {
  if (section.part.length === 0) return source.read(0, source.sizeBytes);
  const root = await source.parts();
  const part = root && findPart(root, section.part);
  if (part === undefined) return undefined;
  const body = await source.read(part.bodyStart, part.bodyEnd);
  if (part.kind !== 'leaf') return body;
  const header = await source.read(part.headerStart, part.bodyStart);
  const { fields } = readHeader(header, 0, header.length);
  const named = headerValue(header, fields, 'content-transfer-encoding', 1000);
  const decoded = decodeTransfer(body, (named === undefined ? undefined : parseEncoding(named)) ?? '7bit');
  if (decoded === undefined) throw new UnknownTransferEncoding();
  return decoded;
}

/** Where a section lies in the message; undefined if it has no such section. HEADER.FIELDS lies where HEADER does. */
export async function sectionRange(
  source: BodySource,
  section: Section,
): Promise<{ readonly start: number; readonly end: number } | undefined> {
  if (section.part.length === 0 && section.text === undefined) return { start: 0, end: source.sizeBytes };
  const root = await source.parts();
  if (root === undefined) return undefined;
  const text = section.text?.startsWith('HEADER') === true ? 'HEADER' : section.text;
  return partRange(root, [...section.part.map(String), ...(text === undefined ? [] : [text])].join('.'));
}
