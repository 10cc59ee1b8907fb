import { scanMessage } from '@postern/shared/message/mime-structure.ts';
import { foldCase, searchableText } from '@postern/shared/message/text.ts';
import type { SqlContents } from './content.ts';
import { type Database, integerList } from './database.ts';
import type { TextCriterion } from './mailstore.ts';
import { uidPages } from './uid-ranges.ts';

/** Raise it when the text of a message is decoded otherwise: rows of an older version are made anew. */
const TEXT_VERSION = 1;
const PAGE = 2000;

/**
 * Substring search over decoded, case-folded text (RFC 9051 §6.4.4), by LIKE on octets in the database. Text of messages
 * that were never searched is made first, so an answer never lacks one that has just come in.
 */
export async function searchTexts(
  database: Database,
  contents: SqlContents,
  accountId: number,
  mailboxId: number,
  uids: ArrayLike<number>,
  texts: readonly TextCriterion[],
): Promise<number[]> {
  const conditions: string[] = [];
  const values: Buffer[] = [];
  for (const text of texts) {
    const pattern = likePattern(text.value);
    if (text.kind === 'text') {
      conditions.push('(s.header_text LIKE ? OR s.body_text LIKE ?)');
      values.push(pattern, pattern);
    } else {
      conditions.push(text.kind === 'body' ? 's.body_text LIKE ?' : 's.header_text LIKE ?');
      values.push(pattern);
    }
  }
  const headers = texts.filter((text) => text.kind === 'header');
  const columns = headers.length > 0 ? 'm.uid, s.header_text' : 'm.uid';
  const found: number[] = [];
  for (const page of uidPages(uids, PAGE)) {
    const condition = page.condition.replaceAll('uid ', 'm.uid ');
    const from = `FROM message m LEFT JOIN search_text s
        ON s.account_id = ${integerList([accountId])} AND s.email_no = m.email_no AND s.version = ${TEXT_VERSION}
      WHERE m.mailbox_id = ${integerList([mailboxId])} AND ${condition}`;
    const missing = await database.rowsOnce(`SELECT m.email_no, m.content_id ${from} AND s.email_no IS NULL`);
    for (const [emailNo, contentId] of missing as [number, Buffer][]) {
      await makeText(database, contents, accountId, emailNo, contentId);
    }
    const rows = await database.rowsOnce(
      `SELECT ${columns} ${from} AND ${conditions.join(' AND ') || 'TRUE'} ORDER BY m.uid`,
      values,
    );
    const wanted = page.exact ? undefined : new Set(page.uids);
    for (const [uid, text] of rows as [number, Buffer][]) {
      if (wanted !== undefined && !wanted.has(uid)) continue;
      if (headers.every((header) => hasHeader(text, header.field, header.value))) found.push(uid);
    }
  }
  return found;
}

async function makeText(
  database: Database,
  contents: SqlContents,
  accountId: number,
  emailNo: number,
  contentId: Buffer,
): Promise<void> {
  const text = searchableText(scanMessage(await contents.read(contentId)));
  await database.change(
    'REPLACE INTO search_text (account_id, email_no, version, header_text, body_text) VALUES (?, ?, ?, ?, ?)',
    [accountId, emailNo, TEXT_VERSION, text.headers, text.body],
  );
}

/** The database found the value somewhere in the header; whether it stands in this field is seen line by line. */
function hasHeader(headerText: Buffer, field: string, value: string): boolean {
  const name = `${foldCase(field)}:`;
  const wanted = foldCase(value);
  return headerText
    .toString()
    .split('\n')
    .some((line) => line.startsWith(name) && line.slice(name.length).includes(wanted));
}

/** `%value%` with the wildcards of LIKE escaped, as octets: no collation has a say. */
function likePattern(value: string): Buffer {
  return Buffer.from(`%${foldCase(value).replace(/[\\%_]/g, '\\$&')}%`);
}
