import { createHash } from 'node:crypto';
import { FIRST_OF_ALL_MAIL } from './all-mail-id.ts';
import type { Database } from './database.ts';
import type { Problem } from './mailstore.ts';
import { TABLES_OF_ACCOUNT, TABLES_OF_EMAIL } from './owned-tables.ts';
import { AS_THEY_CAME, CHUNK_BYTES, unpacked } from './packed-body.ts';
import { verifyDerived } from './verify-derived.ts';

type Found = Omit<Problem, 'address'>;

const SLICE = 500;

/** Rows that belong to nothing, by table: the alias is `t`. Deleting them loses nothing that anybody can see. */
const ORPHANS: readonly { readonly table: string; readonly what: string; readonly condition: string }[] = [
  {
    table: 'mailbox',
    what: 'mailboxes of accounts that are not there',
    condition: 'NOT EXISTS (SELECT 1 FROM account a WHERE a.id = t.owner_id)',
  },
  ...TABLES_OF_ACCOUNT.map((table) => ({
    table,
    what: `rows of ${table} without their account`,
    condition: 'NOT EXISTS (SELECT 1 FROM account a WHERE a.id = t.account_id)',
  })),
  ...['message_change', 'mailbox_right', 'setting'].map((table) => ({
    table,
    what: `rows of ${table} without their mailbox`,
    // 0 is the account itself, and all mail has no row: it goes with the account.
    condition: `t.mailbox_id BETWEEN 1 AND ${FIRST_OF_ALL_MAIL - 1} AND NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.id = t.mailbox_id)`,
  })),
  {
    table: 'mailbox_right',
    what: 'rights of accounts that are not there',
    condition: 't.grantee_id <> 0 AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = t.grantee_id)',
  },
  {
    table: 'outgoing_recipient',
    what: 'recipients of messages to be sent that are not there',
    condition: 'NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.id = t.outgoing_id)',
  },
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
  ...TABLES_OF_EMAIL.map((table) => ({
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

/** What waits to be sent has its body. */
export async function verifyOutgoing(database: Database): Promise<Found[]> {
  const rows = await database.rows(
    `SELECT o.id FROM outgoing o LEFT JOIN content c ON c.id = o.content_id
     WHERE o.finished_at IS NULL AND c.id IS NULL ORDER BY o.id`,
  );
  return (rows as [string][]).map(([id]) => ({ text: `the body of ${id}, to be sent, is missing`, state: 'lost' }));
}

export interface BodyCheck {
  /** Bodies are read, and compared with the hash under which they were stored and with what is kept ready of them. */
  readonly read: boolean;
  readonly repair: boolean;
}

/** Every body has all its octets. */
export async function verifyBodies(database: Database, { read, repair }: BodyCheck): Promise<Found[]> {
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
      } else if (read) {
        const body = await storedBody(database, id, encoding);
        if (body === undefined || !createHash('sha256').update(body).digest().equals(sha256)) {
          found.push({ text: `${name} is not what was stored`, state: 'lost' });
        } else found.push(...(await verifyDerived(database, id, body, repair)));
      }
    }
    if (rows.length < SLICE) return found;
  }
}

/** The message that lies in the database; no cache has a say. Undefined when a chunk cannot be read. */
async function storedBody(database: Database, id: Buffer, encoding: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  for (;;) {
    const [row] = await database.rows('SELECT data FROM content_chunk WHERE content_id = ? AND n = ?', [
      id,
      chunks.length,
    ]);
    if (row === undefined) return Buffer.concat(chunks);
    try {
      chunks.push(await unpacked(encoding, row[0] as Buffer));
    } catch {
      // Why it cannot be read is of no use to anybody: the octets are lost.
      return undefined;
    }
  }
}
