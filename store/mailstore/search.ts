import { scanMessage } from '@postern/shared/message/mime-structure.ts';
import { foldCase, type SearchableText, searchableText } from '@postern/shared/message/text.ts';
import type { SqlContents } from './content.ts';
import { type Database, insertRows, integerList } from './database.ts';
import { KEY_COLUMNS } from './key-texts.ts';
import type { TextCriterion } from './mailstore.ts';
import { searchKeys } from './message-keys.ts';
import { type UidPage, uidPages } from './uid-ranges.ts';

/** Raise it when the text of a message is decoded otherwise: rows of an older version are made anew. */
export const TEXT_VERSION = 2;
const PAGE = 2000;
/** Bodies read together while their texts are made, and their octets. */
const MAKE_PAGE = 32;
const MAKE_BYTES = 8_388_608;

/**
 * Substring search over decoded, case-folded text (RFC 9051 §6.4.4), by LIKE on octets in the database: for the common header
 * fields in the narrow table of keys, for all else in the text of the message. Keys and texts of messages that were never
 * searched are made first, so an answer never lacks one that has just come in.
 */
export async function searchTexts(
  database: Database,
  contents: SqlContents,
  accountId: number,
  mailboxId: number,
  uids: ArrayLike<number>,
  texts: readonly TextCriterion[],
): Promise<number[]> {
  const keyed: { column: string; pattern: Buffer | null }[] = [];
  const rest: TextCriterion[] = [];
  for (const text of texts) {
    const column = text.kind === 'header' ? KEY_COLUMNS[text.field.toLowerCase()] : undefined;
    if (column === undefined || text.kind !== 'header') rest.push(text);
    else keyed.push({ column, pattern: text.value === '' ? null : likePattern(text.value) });
  }
  const left = keyed.length === 0 ? uids : await searchKeys(database, contents, mailboxId, uids, keyed);
  if (rest.length === 0) return Array.from(left);
  const found: number[] = [];
  for (const page of uidPages(left, PAGE)) {
    found.push(...(await searchPage(database, contents, { accountId, mailboxId, page, texts: rest })));
  }
  return found;
}

interface PageSearch {
  readonly accountId: number;
  readonly mailboxId: number;
  readonly page: UidPage;
  readonly texts: readonly TextCriterion[];
}

async function searchPage(database: Database, contents: SqlContents, search: PageSearch): Promise<number[]> {
  const { page, texts } = search;
  const from = `FROM message m LEFT JOIN search_text s
      ON s.account_id = ${integerList([search.accountId])} AND s.email_no = m.email_no AND s.version = ${TEXT_VERSION}
    WHERE m.mailbox_id = ${integerList([search.mailboxId])} AND ${page.condition.replaceAll('uid ', 'm.uid ')}`;
  const missing = await database.rowsOnce(`SELECT m.email_no, m.content_id, m.size ${from} AND s.email_no IS NULL`);
  await makeTexts(database, contents, search.accountId, missing as [number, Buffer, number][]);
  const { sql, values } = condition(texts);
  const headers = texts.filter((text) => text.kind === 'header');
  const rows = await database.rowsOnce(
    `SELECT m.uid, m.content_id, s.truncated, ${headers.length > 0 ? 's.header_text' : 'NULL'} ${from}
     AND (s.truncated <> 0 OR (${sql})) ORDER BY m.uid`,
    values,
  );
  const wanted = page.exact ? undefined : new Set(page.uids);
  const found: number[] = [];
  for (const [uid, contentId, truncated, headerText] of rows as [number, Buffer, number, Buffer | null][]) {
    if (wanted !== undefined && !wanted.has(uid)) continue;
    const fits =
      truncated !== 0
        ? matches(searchableText(scanMessage(await contents.read(contentId)), Number.MAX_SAFE_INTEGER), texts)
        : headers.every((header) => hasHeader(headerText ?? Buffer.alloc(0), header.field, header.value));
    if (fits) found.push(uid);
  }
  return found;
}

/** What the database decides; of header fields only that the value stands behind the name somewhere. */
function condition(texts: readonly TextCriterion[]): { readonly sql: string; readonly values: Buffer[] } {
  const values: Buffer[] = [];
  const conditions = texts.map((text) => {
    if (text.kind === 'header') {
      values.push(Buffer.from(`%${escaped(`${text.field}:`)}%${text.value === '' ? '' : `${escaped(text.value)}%`}`));
      return 's.header_text LIKE ?';
    }
    values.push(likePattern(text.value));
    if (text.kind === 'body') return 's.body_text LIKE ?';
    values.push(likePattern(text.value));
    return '(s.header_text LIKE ? OR s.body_text LIKE ?)';
  });
  return { sql: conditions.join(' AND ') || 'TRUE', values };
}

/** The same in memory, for messages whose text is too long to be kept. */
function matches(text: SearchableText, texts: readonly TextCriterion[]): boolean {
  return texts.every((criterion) => {
    if (criterion.kind === 'header') return hasHeader(text.headers, criterion.field, criterion.value);
    const value = Buffer.from(foldCase(criterion.value));
    return text.body.includes(value) || (criterion.kind === 'text' && text.headers.includes(value));
  });
}

/** Makes the texts of messages, some at a time. */
async function makeTexts(
  database: Database,
  contents: SqlContents,
  accountId: number,
  missing: readonly (readonly [emailNo: number, contentId: Buffer, sizeBytes: number])[],
): Promise<void> {
  let from = 0;
  while (from < missing.length) {
    let to = from;
    let bytes = 0;
    while (to < missing.length && to - from < MAKE_PAGE && (to === from || bytes < MAKE_BYTES)) {
      bytes += missing[to]?.[2] ?? 0;
      to++;
    }
    const some = missing.slice(from, to);
    const bodies = await contents.readMany(some.map(([, id, sizeBytes]) => ({ id, sizeBytes })));
    const rows = [];
    for (const [emailNo, contentId] of some) {
      const body = bodies.get(contentId.toString('latin1')) ?? (await contents.read(contentId));
      const { headers, body: text, truncated } = searchableText(scanMessage(body));
      rows.push([accountId, emailNo, TEXT_VERSION, headers, text, truncated ? 1 : 0]);
    }
    await insertRows(
      database,
      'REPLACE INTO search_text (account_id, email_no, version, header_text, body_text, truncated)',
      rows,
    );
    from = to;
  }
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
  return Buffer.from(`%${escaped(value)}%`);
}

function escaped(value: string): string {
  return foldCase(value).replace(/[\\%_]/g, '\\$&');
}
