import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { BackupFolder } from '@postern/store/backup/backup-folder.ts';
import { makeBackup } from '@postern/store/backup/make-backup.ts';
import { verifyBackup } from '@postern/store/backup/verify-backup.ts';
import { type Mailstore, openMailstore } from '@postern/store/mailstore/mailstore.ts';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { letter, mailboxOf, somebody, someDelivery } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

/** Bodies above 48 KiB lie compressed where that pays; nobody sees a difference. */
let database: TestDatabase;
let store: Mailstore;
/** The same database, with compression off, and without any body in memory. */
let plain: Mailstore;

beforeAll(async () => {
  database = await startTestDatabase(WITHOUT_POWER_CUTS);
  store = await openMailstore({ url: database.url, connections: 4, log: silentLog() });
  plain = await open({ compressBodies: false });
});
afterAll(async () => {
  await store?.close();
  await plain?.close();
  await database?.stop();
});

const open = (more: object = {}): Promise<Mailstore> =>
  openMailstore({ url: database.url, connections: 2, log: silentLog(), migrate: false, bodyCacheBytes: 0, ...more });

/** What the database holds of a body. */
async function stored(id: Buffer): Promise<{ encoding: number; chunks: number; octets: number }> {
  const connection = await createConnection(database.url);
  try {
    const [rows] = await connection.query(
      `SELECT c.encoding, COUNT(*) chunks, CAST(SUM(LENGTH(k.data)) AS SIGNED) octets FROM content c
       JOIN content_chunk k ON k.content_id = c.id WHERE c.id = X'${id.toString('hex')}' GROUP BY c.id, c.encoding`,
    );
    return (
      (rows as { encoding: number; chunks: number; octets: number }[])[0] ?? { encoding: -1, chunks: 0, octets: 0 }
    );
  } finally {
    await connection.end();
  }
}

/** A message of exactly so many octets. */
const sized = (octets: number, fill: (octets: number) => Buffer): Buffer => {
  const head = letter('sized', '');
  return Buffer.concat([head, fill(octets - head.length)]);
};
const prose = (octets: number): Buffer =>
  Buffer.from(
    `The quick brown fox jumps over the lazy dog ${randomBytes(4).toString('hex')}.\r\n`.repeat(octets / 50),
  ).subarray(0, octets);
const picture = (octets: number): Buffer =>
  Buffer.from(randomBytes(octets).toString('base64').replace(/.{76}/g, '$&\r\n')).subarray(0, octets);

const SIZES = [49_152, 49_153, 131_072, 131_073, 524_288, 524_289, 1_300_000];

test.each([
  ['text', prose, 0.6],
  ['a picture in base64', picture, 0.85],
  ['octets that nothing makes smaller', randomBytes, 1],
] as const)('%s of many sizes comes back byte for byte, whole and in parts', async (_, fill, atMost) => {
  const reader = await open();
  for (const size of SIZES) {
    const message = sized(size, fill);
    const { id } = await store.contents.put(message);
    const { encoding, octets, chunks } = await stored(id);
    expect([size, encoding]).toEqual([size, size > 49_152 && atMost < 1 ? 1 : 0]);
    expect(chunks).toBe(Math.ceil(size / 524_288));
    if (encoding === 1) expect(octets).toBeLessThan(size * atMost);
    else expect(octets).toBe(size);
    expect(message.equals(await reader.messages.readBody(id))).toBe(true);
    // Within a chunk, across the border of two, the last octet, behind the end.
    for (const [from, to] of [
      [0, 1],
      [size - 1, size],
      [524_280, 524_300],
      [100, 49_000],
      [size - 10, size + 10],
    ] as const) {
      const part = await reader.messages.readBody(id, from, to);
      expect([size, from, part.equals(message.subarray(from, to))]).toEqual([size, from, true]);
    }
  }
  await reader.close();
});

test('a delivery and FETCH: one body for both kinds of store, whichever wrote it first', async () => {
  const account = await somebody(store);
  const inbox = await mailboxOf(store, account);
  const messages = [prose(60_000), prose(200_000), prose(40_000)].map((body) => letter('delivered', body.toString()));
  const deliver = async (into: Mailstore, message: Buffer): Promise<void> => {
    const delivery = await someDelivery(into, account, { content: (await into.contents.arrived(message)) as never });
    const [result] = await into.deliveries.deliver([delivery]);
    expect(result?.kind).toBe('delivered');
  };
  const [one, two, small] = messages as [Buffer, Buffer, Buffer];
  await deliver(store, one);
  await deliver(plain, one);
  await deliver(plain, two);
  await deliver(store, two);
  await deliver(store, small);
  for (const mailstore of [store, plain, await open()]) {
    const bodies: Buffer[] = [];
    const ids = new Set<string>();
    for await (const page of mailstore.messages.fetch(inbox, [1, 2, 3, 4, 5], { body: true })) {
      for (const { body, contentId } of page) {
        bodies.push(body as Buffer);
        ids.add(contentId.toString('hex'));
      }
    }
    expect(bodies.map((body, n) => body.equals([one, one, two, two, small][n] as Buffer))).toEqual(Array(5).fill(true));
    expect(ids.size).toBe(3);
  }
  const idOf = async (message: Buffer): Promise<Buffer> => (await plain.contents.put(message)).id;
  expect(await Promise.all(messages.map(async (m) => (await stored(await idOf(m))).encoding))).toEqual([1, 0, 0]);
});

test('check reads compressed bodies, and sees one that is damaged and one that is cut', async () => {
  const { maintenance } = store;
  const verify = async (): Promise<string[]> => {
    const found: string[] = [];
    await maintenance.verify({ bodies: true }, ({ text }) => found.push(text));
    return found;
  };
  expect(await verify()).toEqual([]);
  const [damaged, cut] = await Promise.all([600_000, 700_000].map((size) => store.contents.put(sized(size, picture))));
  const connection = await createConnection(database.url);
  const hex = (content: { id: Buffer } | undefined): string => `X'${content?.id.toString('hex')}'`;
  await connection.query(
    `UPDATE content_chunk SET data = INSERT(data, 1000, 4, 'oops') WHERE content_id = ${hex(damaged)} AND n = 0`,
  );
  await connection.query(`DELETE FROM content_chunk WHERE content_id = ${hex(cut)} AND n = 1`);
  expect((await verify()).sort()).toEqual(
    [
      `body ${damaged?.id.toString('hex')} is not what was stored`,
      `body ${cut?.id.toString('hex')} has 1 of 2 pieces`,
    ].sort(),
  );
  // Nobody is given something else in its place.
  await expect(plain.messages.readBody(damaged?.id as Buffer)).rejects.toThrow();
  await connection.query(`DELETE FROM content WHERE id IN (${hex(damaged)}, ${hex(cut)})`);
  await connection.query(`DELETE FROM content_chunk WHERE content_id IN (${hex(damaged)}, ${hex(cut)})`);
  await connection.end();
});

test('a backup holds the octets of the message', async () => {
  const path = mkdtempSync(join(tmpdir(), 'postern-packed-backup-'));
  try {
    const folder = new BackupFolder(path);
    const report = await makeBackup(store, folder);
    expect(report).toMatchObject({ missingBodies: 0 });
    expect(report.newBodyBytes).toBeGreaterThan(300_000);
    expect(await verifyBackup(folder, report.snapshot)).toMatchObject({ faults: [] });
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
});

test('SEARCH finds what stands anywhere in compressed bodies, over the border of two chunks too, and nothing else', async () => {
  const account = await somebody(store);
  const inbox = await mailboxOf(store, account);
  const place = (octets: number, words: readonly (readonly [at: number, word: string])[]): Buffer => {
    const message = sized(octets, prose);
    for (const [at, word] of words) message.write(word, at);
    return message;
  };
  // 524,288 octets are a chunk. The last is longer than the text that is kept, so that it is read and unpacked at each search.
  const messages = [
    place(60_000, [[59_000, 'Zebrafink']]),
    place(700_000, [
      [524_284, 'Grenzland'],
      [699_900, 'Zebrafink'],
    ]),
    place(9_000_000, [[8_999_900, 'Grenzland']]),
    place(40_000, [[20_000, 'Nachtigall']]),
  ];
  for (const message of messages) {
    const content = await store.contents.put(message);
    const flags = { system: 0, keywords: [] };
    const appended = await store.messages.append(
      inbox,
      [{ content: content as never, flags, internalDate: new Date() }],
      { bytes: 0, messages: 0 },
    );
    expect(appended.kind).toBe('appended');
  }
  const encodings = await Promise.all(
    messages.map(async (m) => (await stored((await store.contents.put(m)).id)).encoding),
  );
  expect(encodings).toEqual([1, 1, 1, 0]);
  const uids = [1, 2, 3, 4];
  for (const reader of [store, await open()]) {
    const found = (kind: 'body' | 'text', value: string): Promise<number[]> =>
      reader.messages.search(inbox, uids, [{ kind, value }]);
    expect(await found('body', 'zebrafink')).toEqual([1, 2]);
    expect(await found('text', 'GRENZLAND')).toEqual([2, 3]);
    expect(await found('body', 'nachtigall')).toEqual([4]);
    expect(await found('body', 'quick brown fox')).toEqual(uids);
    expect(await found('text', 'claimed by nobody')).toEqual([]);
  }
});
