import type { SqlContents } from './content.ts';
import { type Database, integerList, type Row } from './database.ts';
import type { EmailNumbers } from './email-numbers.ts';
import type { FetchedMessage, FetchWants } from './mailstore.ts';
import { emailIdText, threadIdText } from './message-rows.ts';
import { SMALL_BODY_BYTES } from './packed-body.ts';
import { PREPARED_VERSION } from './prepared-texts.ts';
import { type PreparedRow, renderAgain } from './rendered-again.ts';
import { readTextRows } from './text-rows.ts';
import { type UidPage, uidPages } from './uid-ranges.ts';

/** Rows made into values in one turn of the event loop: some milliseconds. */
const DEFAULT_PAGE = 1000;
/** Bodies of one page are held in memory together: fewer at a time. */
const BODY_PAGE = 32;
const SMALL_BODY_PAGE = 100;

/**
 * Reads messages page by page, the next page while the caller works on this one.
 *
 * @param numbers which emails they are, where the mailbox is in memory
 */
export async function* readPages(
  database: Database,
  contents: SqlContents,
  mailboxId: number,
  uids: ArrayLike<number>,
  want: FetchWants,
  numbers?: EmailNumbers,
): AsyncGenerator<FetchedMessage[]> {
  const pageSize = want.pageSize ?? defaultPage(want);
  const pages = uidPages(uids, pageSize);
  const read = (page: UidPage | undefined): Promise<FetchedMessage[]> | undefined => {
    if (page === undefined) return undefined;
    const reading = readPage(database, contents, mailboxId, page, want, numbers);
    // A fault of the page read ahead is reported when its turn comes, not as an unhandled rejection.
    reading.catch(() => {});
    return reading;
  };
  let ahead = read(pages[0]);
  for (let i = 0; i < pages.length; i++) {
    const page = await ahead;
    ahead = read(pages[i + 1]);
    if (page !== undefined) yield page;
  }
}

function defaultPage({ body }: FetchWants): number {
  if (body === 'small') return SMALL_BODY_PAGE;
  return body === true ? BODY_PAGE : DEFAULT_PAGE;
}

/** Columns of a page, and what is joined for them. */
interface PageQuery {
  readonly columns: readonly (keyof typeof COLUMNS)[];
  readonly joins: string;
}

const COLUMNS = {
  uid: 'm.uid',
  internalDate: 'm.internal_date',
  saveDate: 'm.save_date',
  size: 'm.size',
  contentId: 'm.content_id',
  emailNo: 'm.email_no',
  threadId: 'e.thread_id',
  version: 'c.version',
  envelope: 'c.envelope',
  bodyStructure: 'c.bodystructure',
  headerFields: 'c.header_fields',
  preview: 't.preview',
  body: 'k.data',
} as const;
type ColumnName = keyof typeof COLUMNS;

/** The columns in the order in which they are read, without those that nobody wants: each costs something for each row. */
function queryOf(want: FetchWants): PageQuery {
  const texts = want.envelope === true || want.bodyStructure === true || want.headerFields === true;
  const columns: ColumnName[] = ['uid'];
  if (!texts || want.textsAlone !== true) {
    columns.push('internalDate', 'saveDate', 'size', 'contentId', 'emailNo');
  }
  if (want.threadId === true) columns.push('threadId');
  if (texts) columns.push('version');
  if (want.envelope === true) columns.push('envelope');
  if (want.bodyStructure === true) columns.push('bodyStructure');
  if (want.headerFields === true) columns.push('headerFields');
  if (want.preview === true) columns.push('preview');
  if (want.body !== undefined && want.body !== false) columns.push('body');
  const joins = [
    want.preview === true ? 'LEFT JOIN content t ON t.id = m.content_id' : '',
    texts || want.threadId === true ? 'JOIN mailbox b ON b.id = m.mailbox_id' : '',
    texts ? 'LEFT JOIN email_cache c ON c.account_id = b.owner_id AND c.email_no = m.email_no' : '',
    want.threadId === true ? `LEFT JOIN email e ON e.account_id = b.owner_id AND e.email_no = m.email_no` : '',
    columns.includes('body')
      ? // None of them is compressed.
        `LEFT JOIN content_chunk k ON k.content_id = m.content_id AND k.n = 0 AND m.size <= ${SMALL_BODY_BYTES}`
      : '',
  ];
  return { columns, joins: joins.join(' ') };
}

async function readPage(
  database: Database,
  contents: SqlContents,
  mailboxId: number,
  page: UidPage,
  want: FetchWants,
  numbers: EmailNumbers | undefined,
): Promise<FetchedMessage[]> {
  const { columns, joins } = queryOf(want);
  const textsAlone = columns[1] === 'version';
  const list = columns.map((name) => COLUMNS[name]);
  const byEmail =
    textsAlone && numbers !== undefined
      ? await readTextRows(database, mailboxId, page.uids, numbers, list.slice(1).join(', '))
      : undefined;
  const select = `SELECT ${list.join(', ')} FROM message m ${joins} WHERE m.mailbox_id =`;
  const [only, another] = page.uids;
  const rows =
    byEmail ??
    (only !== undefined && another === undefined
      ? await database.rows(`${select} ? AND m.uid = ?`, [mailboxId, only])
      : await database.rowsOnce(
          `${select} ${integerList([mailboxId])} AND ${page.condition.replaceAll('uid ', 'm.uid ')} ORDER BY m.uid`,
        ));
  const at = Object.fromEntries(columns.map((name, i) => [name, i])) as Readonly<Partial<Record<ColumnName, number>>>;
  const wanted = page.exact || byEmail !== undefined ? undefined : new Set(page.uids);
  const kept = wanted === undefined ? rows : rows.filter((row) => wanted.has(row[0] as number));
  const versionAt = at.version;
  const stale = versionAt === undefined ? [] : kept.filter((row) => row[versionAt] !== PREPARED_VERSION);
  if (textsAlone && stale.length > 0) {
    return readPage(database, contents, mailboxId, page, { ...want, textsAlone: false }, numbers);
  }
  const again =
    stale.length > 0
      ? await renderAgain(
          database,
          contents,
          mailboxId,
          stale.map((row) => ({ uid: row[0] as number, contentId: row[at.contentId ?? 0] as Buffer })),
        )
      : undefined;
  const messages = kept.map((row) => messageOf(row, at, again?.get(row[0] as number)));
  if (want.body !== true && want.preview !== true) return messages;
  return completed(contents, messages, want);
}

/** With what did not come with the rows: larger bodies, previews that were never made. */
async function completed(
  contents: SqlContents,
  messages: readonly FetchedMessage[],
  want: FetchWants,
): Promise<FetchedMessage[]> {
  const large = want.body === true ? messages.filter(({ body }) => body === undefined) : [];
  const bodies = await contents.readMany(large.map(({ contentId, sizeBytes }) => ({ id: contentId, sizeBytes })));
  return Promise.all(
    messages.map(async (message) => {
      const { contentId } = message;
      let { body, preview } = message;
      if (want.body === true) body ??= bodies.get(contentId.toString('latin1')) ?? (await contents.read(contentId));
      if (want.preview === true) preview ??= await contents.makePreview(contentId);
      return { ...message, body, preview };
    }),
  );
}

function messageOf(
  row: Row,
  at: Readonly<Partial<Record<ColumnName, number>>>,
  again: PreparedRow | undefined,
): FetchedMessage {
  const value = <T>(index: number | undefined): T | undefined =>
    index === undefined ? undefined : ((row[index] ?? undefined) as T | undefined);
  const threadId = value<number>(at.threadId);
  return {
    uid: row[0] as number,
    internalDateMs: value<number>(at.internalDate) ?? 0,
    saveDateMs: value<number>(at.saveDate) ?? 0,
    sizeBytes: value<number>(at.size) ?? 0,
    contentId: value<Buffer>(at.contentId) ?? NO_CONTENT,
    emailId: emailIdText(value<number>(at.emailNo) ?? 0),
    threadId: threadId === undefined ? undefined : threadIdText(threadId),
    envelope: at.envelope === undefined ? undefined : (again?.envelope ?? value<Buffer>(at.envelope)),
    bodyStructure:
      at.bodyStructure === undefined ? undefined : (again?.bodyStructure ?? value<Buffer>(at.bodyStructure)),
    headerFields: at.headerFields === undefined ? undefined : (again?.headerFields ?? value<Buffer>(at.headerFields)),
    body: value<Buffer>(at.body),
    preview: value<string>(at.preview),
  };
}

const NO_CONTENT = Buffer.alloc(0);
