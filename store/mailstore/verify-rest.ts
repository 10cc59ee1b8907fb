import { createHash } from 'node:crypto';
import type { Database } from './database.ts';
import type { Problem } from './mailstore.ts';
import { AS_THEY_CAME, CHUNK_BYTES, unpacked } from './packed-body.ts';

type Found = Omit<Problem, 'address'>;

const SLICE = 500;

/** Rows that belong to nothing, by table: the alias is `t`. Deleting them loses nothing that anybody can see. */
const ORPHANS: readonly { readonly table: string; readonly what: string; readonly condition: string }[] = [
  {
    table: 'message',
    what: 'messages of mailboxes that are not there',
    condition: 'NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.id = t.mailbox_id)',
  },
  ...['message_keyword', 'message_keys'].map((table) => ({
    table,
    what: `rows of ${table} without their message`,
    condition: `NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = t.mailbox_id AND m.uid = t.uid)
      AND NOT EXISTS (SELECT 1 FROM expunged x WHERE x.mailbox_id = t.mailbox_id AND x.uid = t.uid)`,
  })),
  {
    table: 'seen_by',
    what: 'marks of having seen, of messages or users that are not there',
    condition: `(NOT EXISTS (SELECT 1 FROM account a WHERE a.id = t.user_id)
      OR (NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = t.mailbox_id AND m.uid = t.uid)
      AND NOT EXISTS (SELECT 1 FROM expunged x WHERE x.mailbox_id = t.mailbox_id AND x.uid = t.uid)))`,
  },
  {
    table: 'expunged',
    what: 'expunged messages of mailboxes that are not there',
    condition: 'NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.id = t.mailbox_id)',
  },
  ...['email_cache', 'search_text'].map((table) => ({
    table,
    what: `rows of ${table} without their email`,
    condition: 'NOT EXISTS (SELECT 1 FROM email e WHERE e.account_id = t.account_id AND e.email_no = t.email_no)',
  })),
  {
    table: 'content_chunk',
    what: 'pieces of bodies that are not there',
    condition: 'NOT EXISTS (SELECT 1 FROM content c WHERE c.id = t.content_id)',
  },
];

/** Counts orphans, and removes them some at a time. */
export async function verifyOrphans(database: Database, repair: boolean): Promise<Found[]> {
  const found: Found[] = [];
  for (const { table, what, condition } of ORPHANS) {
    const [row] = await database.rowsOnce(`SELECT COUNT(*) FROM ${table} t WHERE ${condition}`);
    const count = row?.[0] as number;
    if (count === 0) continue;
    // The alias of a single-table DELETE is not known to every version of MySQL and MariaDB; its table's name is.
    const named = condition.replaceAll('t.', `${table}.`);
    for (let removed = SLICE; repair && removed === SLICE; ) {
      removed = (await database.changeOnce(`DELETE FROM ${table} WHERE ${named} LIMIT ${SLICE}`)).affectedRows;
    }
    found.push({ text: `${count} ${what}`, state: repair ? 'repaired' : 'found' });
  }
  return found;
}

/** Every body has all its octets; with `hashes` they are read and compared with the hash under which they were stored. */
export async function verifyBodies(database: Database, hashes: boolean): Promise<Found[]> {
  const found: Found[] = [];
  let after: Buffer = Buffer.alloc(16);
  for (;;) {
    const rows = await database.rows(
      `SELECT c.id, c.sha256, c.size, c.encoding, COALESCE((SELECT CAST(SUM(LENGTH(k.data)) AS SIGNED) FROM content_chunk k
         WHERE k.content_id = c.id), 0), (SELECT COUNT(*) FROM content_chunk k WHERE k.content_id = c.id)
       FROM content c WHERE c.id > ? ORDER BY c.id LIMIT ${SLICE}`,
      [after],
    );
    for (const row of rows as [Buffer, Buffer, number, number, number, number][]) {
      const [id, sha256, size, encoding, octets, chunks] = row;
      after = id;
      const name = `body ${id.toString('hex')}`;
      const wanted = Math.max(1, Math.ceil(size / CHUNK_BYTES));
      if (chunks !== wanted) found.push({ text: `${name} has ${chunks} of ${wanted} pieces`, state: 'lost' });
      else if (encoding === AS_THEY_CAME && octets !== size) {
        found.push({ text: `${name} has ${octets} of ${size} octets`, state: 'lost' });
      } else if (hashes && !(await storedHash(database, id, encoding))?.equals(sha256)) {
        found.push({ text: `${name} is not what was stored`, state: 'lost' });
      }
    }
    if (rows.length < SLICE) return found;
  }
}

/** Hash of the message that lies in the database; no cache has a say. Undefined when a chunk cannot be read. */
async function storedHash(database: Database, id: Buffer, encoding: number): Promise<Buffer | undefined> {
  const hash = createHash('sha256');
  for (let n = 0; ; n++) {
    const [row] = await database.rows('SELECT data FROM content_chunk WHERE content_id = ? AND n = ?', [id, n]);
    if (row === undefined) return hash.digest();
    try {
      hash.update(await unpacked(encoding, row[0] as Buffer));
    } catch {
      // Why it cannot be read is of no use to anybody: the octets are lost.
      return undefined;
    }
  }
}
