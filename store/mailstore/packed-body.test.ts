import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AS_THEY_CAME, CHUNK_BYTES, pack, packOne, plainBody, unpacked, ZSTD } from './packed-body.ts';

const together = async ({ encoding, chunks }: Awaited<ReturnType<typeof pack>>): Promise<Buffer> =>
  Buffer.concat(await Promise.all(chunks.map((chunk) => unpacked(encoding, chunk))));

test('whatever the octets are, they come back', async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }).map((octets) => Buffer.from(octets)),
    fc.string({ maxLength: 200 }).map((text) => Buffer.from(text.repeat(100))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
      const body = Buffer.concat(pieces);
      for (const packed of [await pack(body), packOne(body), plainBody(body)]) {
        expect((await together(packed)).equals(body)).toBe(true);
      }
    }),
    { numRuns: 50 },
  );
});

test.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])(
  '%i octets: a chunk for each piece of the message, whatever it is made smaller to',
  async (size) => {
    const text = Buffer.alloc(size, 'To be, or not to be.\r\n');
    const packed = await pack(text);
    expect(packed.chunks).toHaveLength(Math.max(1, Math.ceil(size / CHUNK_BYTES)));
    for (const [n, chunk] of packed.chunks.entries()) {
      const wanted = text.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES);
      expect((await unpacked(packed.encoding, chunk)).equals(wanted)).toBe(true);
    }
  },
);

test('what saves less than a tenth stays as it came', async () => {
  const noise = randomBytes(100_000);
  expect((await pack(noise)).encoding).toBe(AS_THEY_CAME);
  expect(packOne(noise).chunks[0]?.equals(noise)).toBe(true);
  expect(packOne(Buffer.from(noise.toString('base64'))).encoding).toBe(ZSTD);
});

test('a chunk that is damaged, of an encoding that is not known, or larger than any of ours is an error, never other octets', async () => {
  const [chunk = Buffer.alloc(0)] = packOne(Buffer.from('Hello, world. '.repeat(5000))).chunks;
  const damaged = Buffer.from(chunk);
  damaged[damaged.length - 5] = (damaged[damaged.length - 5] as number) ^ 0x10;
  await expect(unpacked(ZSTD, damaged)).rejects.toThrow();
  await expect(unpacked(ZSTD, chunk.subarray(0, -1))).rejects.toThrow();
  await expect(unpacked(ZSTD, Buffer.from('Subject: not zstd\r\n'))).rejects.toThrow();
  await expect(unpacked(2, chunk)).rejects.toThrow('not known');
  const bomb = packOne(Buffer.alloc(CHUNK_BYTES + 1)).chunks[0] as Buffer;
  await expect(unpacked(ZSTD, bomb)).rejects.toThrow();
});
