import type { SqlContents } from './content.ts';
import { type Database, integerList, type Row } from './database.ts';
import type { FetchedMessage, FetchWants } from './mailstore.ts';
import { emailIdText, threadIdText } from './message-rows.ts';
import { PREPARED_VERSION } from './prepared-texts.ts';
import { type PreparedRow, renderAgain } from './rendered-again.ts';
import { type UidPage, uidPages } from './uid-ranges.ts';

const DEFAULT_PAGE = 500;
/** Bodies of one page are held in memory together: fewer at a time. */
const BODY_PAGE = 32;

/** Reads messages page by page, the next page while the caller works on this one. */
export async function* readPages(
  database: Database,
  contents: SqlContents,
  mailboxId: number,
  uids: ArrayLike<number>,
  want: FetchWants,
): AsyncGenerator<FetchedMessage[]> {
  const pageSize = want.pageSize ?? (want.body === true ? BODY_PAGE : DEFAULT_PAGE);
  const pages = uidPages(uids, pageSize);
  const read = (page: UidPage | undefined): Promise<FetchedMessage[]> | undefined => {
    if (page === undefined) return undefined;
    const reading = readPage(database, contents, mailboxId, page, want);
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

async function readPage(
  database: Database,
  contents: SqlContents,
  mailboxId: number,
  page: UidPage,
  want: FetchWants,
): Promise<FetchedMessage[]> {
  const texts = want.envelope === true || want.bodyStructure === true || want.headerFields === true;
  const columns = ['m.uid', 'm.internal_date', 'm.save_date', 'm.size', 'm.content_id', 'm.email_no'];
  columns.push(want.threadId === true ? 'e.thread_id' : 'NULL');
  columns.push(texts ? 'c.version' : 'NULL');
  columns.push(want.envelope === true ? 'c.envelope' : 'NULL');
  columns.push(want.bodyStructure === true ? 'c.bodystructure' : 'NULL');
  columns.push(want.headerFields === true ? 'c.header_fields' : 'NULL');
  columns.push(want.preview === true ? 't.preview' : 'NULL');
  const joins = [
    want.preview === true ? 'LEFT JOIN content t ON t.id = m.content_id' : '',
    texts ? 'LEFT JOIN message_cache c ON c.mailbox_id = m.mailbox_id AND c.uid = m.uid' : '',
    want.threadId === true
      ? `JOIN mailbox b ON b.id = m.mailbox_id
         LEFT JOIN email e ON e.account_id = b.owner_id AND e.email_no = m.email_no`
      : '',
  ];
  const textsAlone = texts && want.textsAlone === true;
  const condition = page.condition.replaceAll('uid ', 'm.uid ');
  const rows = await database.rowsOnce(
    textsAlone
      ? `SELECT uid, 0, 0, 0, NULL, 0, NULL, ${columns.slice(7, 11).join(', ')}, NULL FROM message_cache c
         WHERE mailbox_id = ${integerList([mailboxId])} AND ${page.condition} ORDER BY uid`
      : `SELECT ${columns.join(', ')} FROM message m ${joins.join(' ')}
         WHERE m.mailbox_id = ${integerList([mailboxId])} AND ${condition} ORDER BY m.uid`,
  );
  const wanted = page.exact ? undefined : new Set(page.uids);
  const kept = wanted === undefined ? rows : rows.filter((row) => wanted.has(row[0] as number));
  const stale = texts ? kept.filter((row) => row[7] !== PREPARED_VERSION) : [];
  if (textsAlone && stale.length > 0) {
    return readPage(database, contents, mailboxId, page, { ...want, textsAlone: false });
  }
  const again = stale.length > 0 ? await renderAgain(database, contents, mailboxId, stale) : undefined;
  const bodies =
    want.body === true
      ? await contents.readMany(kept.map((row) => ({ id: row[4] as Buffer, sizeBytes: row[3] as number })))
      : undefined;
  return Promise.all(
    kept.map(async (row) => {
      const id = row[4] as Buffer;
      const body = bodies && (bodies.get(id.toString('latin1')) ?? (await contents.read(id)));
      const preview =
        want.preview === true ? ((row[11] as string | null) ?? (await contents.makePreview(id))) : undefined;
      return messageOf(row, want, again?.get(row[0] as number), body, preview);
    }),
  );
}

function messageOf(
  row: Row,
  want: FetchWants,
  again: PreparedRow | undefined,
  body: Buffer | undefined,
  preview: string | undefined,
): FetchedMessage {
  return {
    uid: row[0] as number,
    internalDateMs: row[1] as number,
    saveDateMs: row[2] as number,
    sizeBytes: row[3] as number,
    contentId: row[4] as Buffer,
    emailId: emailIdText(row[5] as number),
    threadId: row[6] === null ? undefined : threadIdText(row[6] as number),
    envelope: want.envelope === true ? (again?.envelope ?? (row[8] as Buffer)) : undefined,
    bodyStructure: want.bodyStructure === true ? (again?.bodyStructure ?? (row[9] as Buffer)) : undefined,
    headerFields: want.headerFields === true ? (again?.headerFields ?? (row[10] as Buffer)) : undefined,
    body,
    preview,
  };
}
