import { allMailId } from './all-mail-id.ts';
import {
  ACCOUNT_COLUMNS,
  BACKUP_TABLES,
  type BackupColumn,
  type BackupTable,
  MAILBOX_COLUMNS,
} from './backup-tables.ts';
import type { Database, Row, SqlConnection, SqlValue } from './database.ts';
import type { BackupSink } from './door/backups.ts';
import { unpacked } from './packed-body.ts';
import { inSnapshot } from './snapshot.ts';

const PAGE = 1_000;
/** Rows that carry texts of messages are larger. */
const PAGE_OF_TEXTS = 200;

/** Reads an account in one snapshot: every page of every table, and the bodies, are of the same instant. */
export async function readAccount(
  database: Database,
  directoryUuid: string,
  sink: BackupSink,
): Promise<'read' | 'no-such-account'> {
  return inSnapshot(database, (connection) => readInSnapshot(connection, directoryUuid, sink));
}

async function readInSnapshot(
  connection: SqlConnection,
  directoryUuid: string,
  sink: BackupSink,
): Promise<'read' | 'no-such-account'> {
  const [account] = await connection.rows(
    `SELECT id, ${ACCOUNT_COLUMNS.join(', ')} FROM account WHERE directory_uuid = ?`,
    [directoryUuid],
  );
  if (account === undefined) return 'no-such-account';
  const [id, ...columns] = account as [number, ...SqlValue[]];
  await sink.rows({ table: 'account', rows: [[id, ...columns]] });
  const mailboxes = await connection.rows(
    `SELECT id, ${MAILBOX_COLUMNS.join(', ')} FROM mailbox WHERE owner_id = ? ORDER BY id`,
    [id],
  );
  await sink.rows({ table: 'mailbox', rows: mailboxes });
  for (const table of BACKUP_TABLES) {
    const owners = table.of === 'account' ? [id] : mailboxes.map(([own]) => own as number);
    for (const owner of owners) await readTable(connection, table, owner, allMailId(id), sink);
  }
  return 'read';
}

/** Page by page, each beginning behind the key of the one before: memory stays small and no page is slower than the first. */
async function readTable(
  connection: SqlConnection,
  table: BackupTable,
  owner: number,
  allMail: number,
  sink: BackupSink,
): Promise<void> {
  const [first, second] = table.key;
  const page = table.name === 'email_cache' ? PAGE_OF_TEXTS : PAGE;
  const select = `SELECT ${[...table.key.map((key) => `t.${key}`), ...table.columns.map(expressionOf)].join(', ')}
    FROM ${table.name} t ${table.columns.some(({ kind }) => kind === 'content') ? 'LEFT JOIN content c ON c.id = t.content_id' : ''}
    WHERE t.${table.of}_id = ?`;
  const order = `ORDER BY ${table.key.map((key) => `t.${key}`).join(', ')} LIMIT ${page}`;
  const behind = second === undefined ? `t.${first} > ?` : `t.${first} >= ? AND (t.${first} > ? OR t.${second} > ?)`;
  let rows = await connection.rows(`${select} ${order}`, [owner]);
  while (rows.length > 0) {
    if (table.name === 'email') await readBodies(connection, rows, sink);
    await sink.rows({ table: table.name, rows: rows.map((row) => outwards(table, row, allMail)) });
    if (rows.length < page) return;
    const [a, b] = rows.at(-1) as [SqlValue, SqlValue];
    rows = await connection.rows(
      `${select} AND ${behind} ${order}`,
      second === undefined ? [owner, a] : [owner, a, a, b],
    );
  }
}

function expressionOf({ name, kind }: BackupColumn): string {
  if (kind === 'big') return `CAST(t.${name} AS CHAR)`;
  if (kind === 'content') return 'c.sha256';
  if (kind === 'user')
    return `IF(t.${name} = 0, 'anyone', (SELECT u.directory_uuid FROM account u WHERE u.id = t.${name}))`;
  return `t.${name}`;
}

/** The columns without the key before them; the mailbox of all mail, which has no row, is −1. */
function outwards(table: BackupTable, row: Row, allMail: number): SqlValue[] {
  return row
    .slice(table.key.length)
    .map((value, i) => (table.columns[i]?.kind === 'mailbox' && value === allMail ? -1 : value));
}

async function readBodies(connection: SqlConnection, emails: readonly Row[], sink: BackupSink): Promise<void> {
  // The email's number (the key), its columns: number, hash, …
  for (const [, emailNo, sha256] of emails as [SqlValue, number, Buffer | null][]) {
    if (sha256 === null) sink.bodyMissing(emailNo);
    else if (!(await sink.hasBody(sha256))) await sink.body(sha256, piecesOf(connection, sha256));
  }
}

async function* piecesOf(connection: SqlConnection, sha256: Buffer): AsyncIterable<Buffer> {
  for (let n = 0; ; n++) {
    const [row] = await connection.rows(
      'SELECT c.encoding, k.data FROM content c JOIN content_chunk k ON k.content_id = c.id AND k.n = ? WHERE c.sha256 = ?',
      [n, sha256],
    );
    if (row === undefined) return;
    yield await unpacked(row[0] as number, row[1] as Buffer);
  }
}
