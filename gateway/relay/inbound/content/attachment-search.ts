import { parseContentType, parseDisposition } from '@postern/shared/message/content-fields.ts';
import { decodeEncodedWords, decodeParameter } from '@postern/shared/message/encoded-word.ts';
import { fieldValue, hasName, readHeader } from '@postern/shared/message/header.ts';
import { type MimePart, scanMessage } from '@postern/shared/message/mime-structure.ts';
import { decodeTransfer } from '@postern/shared/message/transfer-encoding.ts';
import { type FileKind, fileKinds } from './file-kind.ts';
import { MAX_ZIP_ENTRIES, zipEntries } from './zip-names.ts';

/** One attachment, as far as the rules ask. */
export interface Attachment {
  /** Its own names, then those inside of it. */
  readonly names: readonly string[];
  readonly kinds: readonly FileKind[];
}

/** Said once, in place of all that lies beyond what is looked at. */
export const BEYOND = Symbol('beyond');

/** Parts of one message, messages within messages, and octets decoded of all of them: bounded work. */
const MAX_PARTS = 5_000;
const MAX_DEPTH = 50;
const MAX_DECODED_BYTES = 67_108_864;
/** Of a part that is no zip archive or Office file this much tells its kind. */
const START_OCTETS = 1_024;
const MAX_FIELD_OCTETS = 16_384;

/** The leaves of a message with what they are, one by one; a broken message gives what can be read of it. */
export function* attachmentsOf(content: Buffer, insideZip: boolean): Iterable<Attachment | typeof BEYOND> {
  yield* within(
    content,
    scanMessage(content).root,
    { insideZip, partsLeft: MAX_PARTS, bytesLeft: MAX_DECODED_BYTES },
    0,
  );
}

interface Search {
  readonly insideZip: boolean;
  partsLeft: number;
  bytesLeft: number;
}

function* within(
  content: Buffer,
  part: MimePart,
  search: Search,
  depth: number,
): Generator<Attachment | typeof BEYOND, void, undefined> {
  if (--search.partsLeft < 0 || depth > MAX_DEPTH) return yield BEYOND;
  const raw = content.subarray(part.bodyStart, part.bodyEnd);
  // RFC 2046 §5.2.1 forbids it, and programs that show mail decode it all the same.
  if (part.type === 'message' && (part.encoding === 'base64' || part.encoding === 'quoted-printable')) {
    if (raw.length > search.bytesLeft) return yield BEYOND;
    search.bytesLeft -= raw.length;
    const inner = decoded(raw, part.encoding);
    return yield* within(inner, scanMessage(inner).root, search, depth + 1);
  }
  if (part.children.length === 0) return yield* leaf(content, part, raw, search);
  for (const child of part.children) yield* within(content, child, search, depth + 1);
}

function* leaf(
  content: Buffer,
  part: MimePart,
  raw: Buffer,
  search: Search,
): Generator<Attachment | typeof BEYOND, void, undefined> {
  const names = namesOf(content, part);
  const start = decoded(raw.subarray(0, START_OCTETS), part.encoding);
  const wanted = needsWhole(start) || names.some((name) => /\.zip[. ]*$/i.test(name));
  if (wanted && raw.length > search.bytesLeft) return yield BEYOND;
  search.bytesLeft -= wanted ? raw.length : 0;
  const whole = wanted ? decoded(raw, part.encoding) : start;
  const zip = zipEntries(whole);
  if (search.insideZip) names.push(...zip.map((entry) => entry.name));
  yield { names, kinds: fileKinds(whole, zip) };
  if (search.insideZip && zip.length >= MAX_ZIP_ENTRIES) yield BEYOND;
}

function decoded(raw: Buffer, encoding: string): Buffer {
  return decodeTransfer(raw, encoding) ?? raw;
}

/** Zip archives have their directory at the end; macros of an OLE file lie anywhere. */
function needsWhole(start: Buffer): boolean {
  const octets = start.toString('latin1', 0, 4);
  return octets === 'PK\x03\x04' || octets === '\xd0\xcf\x11\xe0';
}

/**
 * By what some mail program might call it: RFC 2183 §2.3, the older name parameter, encoded words in either; of fields that stand there twice each one;
 * a name with NUL also up to there.
 */
function namesOf(content: Buffer, part: MimePart): string[] {
  const names: string[] = [];
  for (const field of readHeader(content, part.headerStart, part.bodyStart).fields) {
    const isType = hasName(content, field, 'content-type');
    if (!isType && !hasName(content, field, 'content-disposition')) continue;
    const value = fieldValue(content, field, MAX_FIELD_OCTETS);
    const params = (isType ? parseContentType(value) : parseDisposition(value))?.params ?? [];
    const raw = decodeParameter(params, isType ? 'name' : 'filename');
    if (raw === undefined) continue;
    const name = decodeEncodedWords(raw);
    names.push(name);
    const nul = name.indexOf('\0');
    if (nul >= 0) names.push(name.slice(0, nul));
  }
  return names;
}
