import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, zstdDecompress } from 'node:zlib';

/** Octets of a body in one row: below every server's default max_allowed_packet, and few rows for common mail. */
export const CHUNK_BYTES = 524_288;
/** Bodies up to this size come with the row of their message, as they are. */
export const SMALL_BODY_BYTES = 49_152;

/**
 * How the chunks of a body lie in the database (`content.encoding`): as they came, or each a Zstandard frame (RFC 8878) of its own. A chunk stands
 * for {@link CHUNK_BYTES} of the message in either case.
 */
export const AS_THEY_CAME = 0;
export const ZSTD = 1;
export type BodyEncoding = typeof AS_THEY_CAME | typeof ZSTD;

/** The chunks of a body, ready to be written. */
export interface PackedBody {
  readonly encoding: BodyEncoding;
  readonly chunks: readonly Buffer[];
}

/** What compression has to save to be worth the work of reading it: base64 of pictures gives 24 %, text half and more. */
const WORTH_IT = 0.9;
/** Level 1 saves as much of mail as level 3, and is quicker. */
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 } };

const compress = promisify(zstdCompress) as (bytes: Buffer, options: object) => Promise<Buffer>;
const decompress = promisify(zstdDecompress) as (bytes: Buffer, options: object) => Promise<Buffer>;

/** The body as it came. */
export function plainBody(bytes: Buffer): PackedBody {
  return { encoding: AS_THEY_CAME, chunks: chunksOf(bytes) };
}

/** A body of one chunk, compressed if that pays: a tenth of a millisecond for 64 KiB. */
export function packOne(bytes: Buffer): PackedBody {
  const packed = zstdCompressSync(bytes, OPTIONS);
  return paysOff(bytes, packed) ? { encoding: ZSTD, chunks: [packed] } : plainBody(bytes);
}

/** Any body; the work is done beside the event loop. Whether it pays is seen by the first chunk. */
export async function pack(bytes: Buffer): Promise<PackedBody> {
  const [first = bytes, ...rest] = chunksOf(bytes);
  const packed = await compress(first, OPTIONS);
  if (!paysOff(first, packed)) return plainBody(bytes);
  const chunks = [packed];
  for (const chunk of rest) chunks.push(await compress(chunk, OPTIONS));
  return { encoding: ZSTD, chunks };
}

function paysOff(bytes: Buffer, packed: Buffer): boolean {
  return packed.length < bytes.length * WORTH_IT;
}

/** The octets of a message that a chunk stands for. Rejects when it is damaged. */
export async function unpacked(encoding: number, chunk: Buffer): Promise<Buffer> {
  if (encoding === AS_THEY_CAME) return chunk;
  if (encoding !== ZSTD) throw new Error(`a body is stored in an encoding that is not known: ${encoding}`);
  return decompress(chunk, { maxOutputLength: CHUNK_BYTES });
}

function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let from = 0; from === 0 || from < bytes.length; from += CHUNK_BYTES) {
    chunks.push(bytes.subarray(from, from + CHUNK_BYTES));
  }
  return chunks;
}
