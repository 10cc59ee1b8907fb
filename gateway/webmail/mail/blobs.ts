import { decodeQuotedPrintable } from '@postern/shared/message/transfer-encoding.ts';
import type { Upload, Uploads } from '../http/uploads.ts';
import type { AccountIndex, IndexedEmail } from './account-index.ts';
import type { AccountSession } from './account-session.ts';
import { type BodyPart, leavesOf } from './body-part.ts';
import { readSlice, readStored } from './stored-messages.ts';

/** What a blob id stands for (RFC 8620 §6): an upload, a whole email (`E12`), or one of its parts, decoded (`E12_1_2`). */
export interface Blob {
  /** Undefined where it is known only after decoding. */
  readonly size: number | undefined;
  /** Content-Type of a part, as its sender wrote it. */
  readonly type: string | undefined;
  chunks(): AsyncIterable<Buffer>;
}

/** Octets that are read of the store at a time: a slow reader holds no more of a message. */
const SLICE_BYTES = 393_216;

export async function findBlob(
  blobId: string,
  session: AccountSession,
  index: () => Promise<AccountIndex>,
  uploads: Uploads,
): Promise<Blob | undefined> {
  if (blobId.startsWith('U')) {
    const upload: Upload | undefined = await uploads.find(session.accountId, blobId);
    return upload && { ...upload, type: undefined };
  }
  const match = /^(E[A-Za-z0-9]{1,30})((?:_\d{1,5}){0,100})$/.exec(blobId);
  if (match === null) return undefined;
  const email = (await index()).emails.get(match[1] ?? '');
  if (email === undefined) return undefined;
  const section = (match[2] ?? '').slice(1).replaceAll('_', '.');
  if (section === '') {
    return { size: email.sizeBytes, type: 'message/rfc822', chunks: () => slices(session, email, '', Infinity) };
  }
  const source = (await readStored(session, [email], { fields: [], structure: true, preview: false })).get(email.id);
  const part = source?.structure && leavesOf(source.structure).find((each) => each.section === section);
  if (part === undefined) return undefined;
  return { size: undefined, type: part.type, chunks: () => decodedPart(session, email, part) };
}

async function* slices(
  session: AccountSession,
  email: IndexedEmail,
  section: string,
  end: number,
): AsyncGenerator<Buffer> {
  for (let at = 0; at < end; ) {
    const slice = await readSlice(session, email, section, at, SLICE_BYTES);
    if (slice.length > 0) yield slice;
    if (slice.length < SLICE_BYTES) return;
    at += slice.length;
  }
}

async function* decodedPart(session: AccountSession, email: IndexedEmail, part: BodyPart): AsyncGenerator<Buffer> {
  const encoded = slices(session, email, part.section ?? '', Infinity);
  if (part.encoding === 'base64') yield* decodeBase64(encoded);
  else if (part.encoding === 'quoted-printable') yield* decodeQuoted(encoded);
  else yield* encoded;
}

/** Four characters at a time; what is no character of base64 is stepped over (RFC 2045 §6.8). */
export async function* decodeBase64(encoded: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest = '';
  for await (const chunk of encoded) {
    const text = rest + chunk.toString('latin1').replace(/[^A-Za-z0-9+/=]+/g, '');
    const end = text.length - (text.length % 4);
    rest = text.slice(end);
    if (end > 0) yield Buffer.from(text.slice(0, end), 'base64');
  }
  if (rest !== '') yield Buffer.from(rest, 'base64');
}

/** Whole lines at a time: a soft line break belongs to its line. */
async function* decodeQuoted(encoded: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of encoded) {
    const text = Buffer.concat([rest, chunk]);
    const end = text.lastIndexOf(10) + 1;
    rest = text.subarray(end);
    if (end > 0) yield decodeQuotedPrintable(text.subarray(0, end));
  }
  if (rest.length > 0) yield decodeQuotedPrintable(rest);
}

/** A blob in memory; undefined when it is larger than allowed. */
export async function readBlob(blob: Blob, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of blob.chunks()) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
